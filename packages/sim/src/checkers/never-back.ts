import type { ReplicaSnapshot } from '@kimberlite/vsr';
import { check } from './violation.ts';

type Growing = Pick<
  ReplicaSnapshot,
  'view' | 'logView' | 'commitMin' | 'commitMax' | 'checkpointOp'
>;

const FIELDS = ['view', 'logView', 'commitMin', 'commitMax', 'checkpointOp'] as const;

/**
 * Views, commit numbers and checkpoints of a replica only grow while its process lives (VRR §4.1,
 * §4.2); its checkpoint and views also over restarts, which `promises` judges by the disk.
 */
export class NeverBack {
  private readonly last: Map<number, Growing>;

  constructor() {
    this.last = new Map();
  }

  /** The process of a replica ended: what it executed above its checkpoint it executes again. */
  onStopped(slot: number): void {
    this.last.delete(slot);
  }

  onSnapshot(state: Growing & Pick<ReplicaSnapshot, 'slot'>): void {
    const { slot } = state;
    const before = this.last.get(slot);
    if (before !== undefined) {
      for (const field of FIELDS) {
        check(
          'never_back',
          state[field] >= before[field],
          () => `replica ${slot}: ${field} goes back from ${before[field]} to ${state[field]}`,
        );
      }
    }
    const { view, logView, commitMin, commitMax, checkpointOp } = state;
    this.last.set(slot, { view, logView, commitMin, commitMax, checkpointOp });
  }
}
