import { assert } from '@kimberlite/store';
import { OPERATION_ADD } from '../workload/counter-machine.ts';
import { ScriptedCluster, type ScriptedOptions } from './scripted-cluster.ts';

/** A cluster that has started, elected, registered its clients, and come to rest. */
export interface Settled {
  readonly script: ScriptedCluster;
  readonly primary: number;
  /** The others, in the order in which they would lead the next views. */
  readonly backups: readonly number[];
}

/**
 * Starts a cluster and waits until nothing is left to do. The first start leaves view 0: its
 * primary can't know that it never led before.
 */
export function settle(options: ScriptedOptions): Settled {
  const { replicaCount } = options;
  const script = new ScriptedCluster(options);
  script.runUntil(
    () =>
      script.primary() !== null &&
      script.converged() &&
      script.cluster.clients.every((client) => client.registered),
  );
  const primary = script.primary();
  assert(primary !== null, 'waited for it');
  const backups = Array.from(
    { length: replicaCount - 1 },
    (_, place) => (primary + 1 + place) % replicaCount,
  );
  return { script, primary, backups };
}

/** A request that adds one to the counter of this name. */
export function addOne(name: number): { operation: number; body: Uint8Array } {
  return { operation: OPERATION_ADD, body: new Uint8Array([name, 1]) };
}

/** The element at this place; fails where there is none. */
export function at<T>(list: readonly T[], place: number): T {
  const found = list.at(place);
  assert(found !== undefined, 'the list is long enough');
  return found;
}
