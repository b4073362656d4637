import type { ReplicaSnapshot, ScrubOptions } from '@kimberlite/vsr';
import { SAVED_TICKS } from '../checkers/bounds.ts';
import type { Totals } from '../run/totals.ts';

/** What one life of a replica may read yet, and has read. */
interface Share {
  readonly allowed: number;
  readonly read: number;
}

const NOTHING: Share = { allowed: 0, read: 0 };

/** Sees scrubbers wait for their share of the disk, by what they have read. */
export class ScrubWitness {
  private readonly totals: Totals;
  private readonly options: ScrubOptions;
  private readonly shares: Map<number, Share>;

  constructor(totals: Totals, options: ScrubOptions) {
    this.totals = totals;
    this.options = options;
    this.shares = new Map();
  }

  /** Once a tick, of each replica that runs. */
  onSnapshot({ slot, scrubBytes, scrubProgress }: ReplicaSnapshot): void {
    const { bytesPerTick } = this.options;
    const known = this.shares.get(slot) ?? NOTHING;
    // The count of a process begins anew when it starts.
    const last = scrubBytes < known.read ? NOTHING : known;
    const saved = Math.min(SAVED_TICKS * bytesPerTick, last.allowed + bytesPerTick);
    const read = scrubBytes - last.read;
    if (saved <= 0 && read === 0 && scrubProgress > 0) this.totals.scrubTicksHeld += 1;
    this.shares.set(slot, { allowed: saved - read, read: scrubBytes });
  }
}
