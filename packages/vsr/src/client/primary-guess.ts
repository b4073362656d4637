import { assert } from '@kimberlite/store';
import { primarySlot, SLOT_COUNT } from '../membership.ts';
import { View } from '../std/numbers.ts';

/** Who leads, as far as answers have shown it. */
export class PrimaryGuess {
  /** Newest view that an answer named; 0 before the first. */
  view: View;
  /** Slot of that view's primary; null when it is unknown, or seems gone. */
  slot: number | null;
  private readonly replicaCount: number;

  constructor(replicaCount: number) {
    assert(replicaCount >= 1 && replicaCount <= SLOT_COUNT, '1 to 16 replicas');
    this.view = View(0);
    this.slot = null;
    this.replicaCount = replicaCount;
  }

  /** An answer named this view. */
  learn(view: View): void {
    if (view < this.view) return;
    this.view = view;
    const slot = primarySlot(view);
    this.slot = slot < this.replicaCount ? slot : null;
  }

  /** This replica does not lead, or cannot be reached. */
  forget(slot: number): void {
    if (this.slot === slot) this.slot = null;
  }

  /** Whether the author is the primary of a view that is news. Who leads another is not heard. */
  isNews({ view, replica }: { readonly view: View; readonly replica: number }): boolean {
    return view > this.view && primarySlot(view) === replica;
  }
}
