import { assert } from '@kimberlite/store';
import { OPERATION_ADD, OPERATION_READ } from '../workload/counter-machine.ts';
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
  return { script, primary, backups: othersAfter(primary, replicaCount) };
}

/** All but this one, in the order in which they would lead the next views. */
export function othersAfter(primary: number, replicaCount: number): number[] {
  return Array.from(
    { length: replicaCount - 1 },
    (_, place) => (primary + 1 + place) % replicaCount,
  );
}

/** A request that adds one to the counter of this name. */
export function addOne(name: number): { operation: number; body: Uint8Array } {
  return { operation: OPERATION_ADD, body: new Uint8Array([name, 1]) };
}

/** Every client that is idle asks. */
export function askAll(script: ScriptedCluster): void {
  for (const client of script.cluster.clients) {
    if (client.registered && !client.busy) client.submit(addOne(1), null);
  }
}

/** Asks with all clients while so many ticks pass; returns how many requests were answered. */
export function keepBusy(script: ScriptedCluster, ticks: number): number {
  const { clients } = script.cluster;
  const before = clients.reduce((sum, client) => sum + client.answered, 0);
  for (let tick = 0; tick < ticks; tick += 1) {
    askAll(script);
    script.run(1);
  }
  return clients.reduce((sum, client) => sum + client.answered, 0) - before;
}

/** Asks a replica for counter 1 without a place in the log; the answer comes in `value`. */
export function readAt(script: ScriptedCluster, slot: number): { readonly value: number | null } {
  const answer: { value: number | null } = { value: null };
  at(script.cluster.clients, 0).query(
    { level: 'linearizable', lagMax: 0, nearest: slot },
    {
      operation: OPERATION_READ,
      body: new Uint8Array([1]),
      onReply: (reply): void => {
        answer.value = new DataView(reply.buffer, reply.byteOffset).getUint32(0, true);
      },
    },
  );
  return answer;
}

/** The element at this place; fails where there is none. */
export function at<T>(list: readonly T[], place: number): T {
  const found = list.at(place);
  assert(found !== undefined, 'the list is long enough');
  return found;
}
