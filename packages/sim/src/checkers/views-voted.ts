import type { AnyMessage, TraceEvent } from '@kimberlite/vsr';
import { viewChangeQuorum } from '../cluster/quorums.ts';
import { check } from './violation.ts';

const SLOTS = 16;

/**
 * A view begins only where a view-change quorum voted to leave the one before (rule vote-to-leave;
 * VRR §4.2 lets a single replica move, which a cut-off one then does for ever).
 */
export class ViewsVoted {
  private readonly replicaCount: number;
  /** By view: who voted to leave it, as bits. */
  private readonly votes: Map<number, number>;
  /** The highest view that was seen and had its votes. */
  private highest: number;

  constructor(replicaCount: number) {
    this.replicaCount = replicaCount;
    this.votes = new Map();
    this.highest = 0;
  }

  onTrace(slot: number, event: TraceEvent): void {
    if (event.kind === 'vote') this.add(slot, event.view);
    if (event.kind === 'view_durable') this.onView(slot, event.view);
    if (event.kind === 'view_raised') this.onRaised(slot, event);
  }

  /** A new file begins in a view far above, for which nobody has to vote (rule recover-by-op). */
  onRecovered(view: number): void {
    this.highest = Math.max(this.highest, view);
  }

  /**
   * Nor for the one that it moves to when it meets a peer: that peer's, or the next when its own
   * slot leads there.
   */
  private onRaised(
    slot: number,
    { peer, theirs, view }: Extract<TraceEvent, { kind: 'view_raised' }>,
  ): void {
    // The peer's may be news here: a crash between the write and its completion leaves it durable,
    // and nobody hears of it before the next start speaks from it.
    this.onView(peer, theirs);
    let free: number = theirs;
    if (free % SLOTS === slot) free += 1;
    while (free % SLOTS >= this.replicaCount) free += 1;
    check(
      'views_voted',
      view === free,
      () => `the file of replica ${slot} begins in view ${view}, a peer's is ${theirs}`,
    );
    this.highest = Math.max(this.highest, view);
  }

  /** A message leaves a replica. */
  onSend(slot: number, { header }: AnyMessage): void {
    if (header.command === 'startViewChange') this.add(slot, header.view);
  }

  private add(slot: number, view: number): void {
    this.votes.set(view, (this.votes.get(view) ?? 0) | (1 << slot));
  }

  private onView(slot: number, view: number): void {
    if (view <= this.highest) return;
    this.highest = view;
    let left = view - 1;
    while (left % SLOTS >= this.replicaCount) left -= 1;
    const votes = this.votes.get(left) ?? 0;
    let count = 0;
    for (let bit = 0; bit < this.replicaCount; bit += 1) count += (votes >>> bit) & 1;
    const quorum = viewChangeQuorum(this.replicaCount);
    check(
      'views_voted',
      view % SLOTS < this.replicaCount && count >= quorum,
      () => `replica ${slot} is in view ${view} with ${count} of ${quorum} votes to leave ${left}`,
    );
  }
}
