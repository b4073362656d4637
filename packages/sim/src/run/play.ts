import { assert } from '@kimberlite/store';
import type { Cluster } from '../cluster/cluster.ts';

/** What plays are made of: faults in a fixed order, one step a tick, given again and again. */
export type Play<T = void> = Generator<void, T>;

/** So many ticks pass. */
export function* pause(ticks: number): Play {
  assert(ticks >= 0, 'a pause lasts');
  for (let tick = 0; tick < ticks; tick += 1) yield;
}

/** Whether the condition held in time. */
export function* until(ticksMax: number, condition: () => boolean): Play<boolean> {
  for (let tick = 0; tick < ticksMax; tick += 1) {
    if (condition()) return true;
    yield;
  }
  return false;
}

/** All replicas serve in one view, and have on their disks what they know of. */
export function isAtRest(cluster: Cluster): boolean {
  const states = cluster.snapshots();
  const [first] = states;
  if (first === undefined || states.length < cluster.options.replicaCount) return false;
  return states.every(
    ({ status, view, syncing, journalDirty }) =>
      status === 'normal' && view === first.view && !syncing && journalDirty === 0,
  );
}
