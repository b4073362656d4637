import type { TraceEvent } from '@kimberlite/vsr';
import type { Totals } from '../run/totals.ts';
import type { ReplicaProcess } from './replica-process.ts';

/** Counts the moments at which a read that is answered carelessly would be wrong. */
export class ReadWitness {
  private readonly totals: Totals;
  /** By slot: head of the log with which it last became primary. */
  private readonly inherited: Map<number, number>;

  constructor(totals: Totals) {
    this.totals = totals;
    this.inherited = new Map();
  }

  onTrace(slot: number, event: TraceEvent): void {
    if (event.kind === 'primary') this.inherited.set(slot, event.op);
    if (event.kind === 'queried') this.totals.queriesByReplicas += 1;
  }

  /** A query reaches a replica that runs. */
  onQuery(target: ReplicaProcess, replicas: readonly ReplicaProcess[]): void {
    const state = target.snapshot();
    if (state === null || !state.isPrimary) return;
    if (state.commitMin < (this.inherited.get(state.slot) ?? 0)) {
      this.totals.queriesAtInheritedTail += 1;
    }
    const deposed = replicas.some((other) => {
      const newer = other === target ? null : other.snapshot();
      return newer?.isPrimary === true && newer.view > state.view;
    });
    if (deposed) this.totals.queriesAtStalePrimary += 1;
  }
}
