import { assert, type LeveledTable } from '@kimberlite/store';
import type { Request } from '../../state-machine.ts';
import { type MachinePlace, machineThrew } from '../../state-machine-error.ts';
import type { Checksum, Op } from '../../std/numbers.ts';
import { Prng } from '../../std/prng.ts';
import type { Replica } from '../replica.ts';
import { checkedReply } from './machine-calls.ts';
import { assertOwnTable, nameReads } from './named-reads.ts';

export interface GuardedExecution {
  readonly request: Request;
  readonly op: Op;
  readonly index: number;
  readonly now: number;
  /** Checksum of the prepare: the root of this request's random numbers. */
  readonly seed: Checksum;
}

/**
 * Runs the state machine on one request with a context that holds it to its names. Null, with
 * nothing changed, while blocks that it may read are not in memory, and while it is not certain yet
 * how far a walk comes: then a checkpoint is in the making, and it is certain when that is durable.
 */
export function executeGuarded(r: Replica, execution: GuardedExecution): Uint8Array | null {
  const { request, op } = execution;
  const reader = nameReads(r, request, { exact: true, op });
  if (reader === null) return null;
  let random: Prng | null = null;
  let horizon = 0;
  const place: MachinePlace = { call: 'execute', operation: request.operation, op };
  const reply = called(place, () =>
    r.stateMachine.execute(request, {
      ...reader,
      put: (table, key, value): void => tableOf(r, table).put(key, value),
      merge: (table, key, delta): void => tableOf(r, table).merge(key, delta),
      delete: (table, key): void => tableOf(r, table).delete(key),
      expire: (expired): void => {
        horizon = Math.max(horizon, expired);
      },
      now: execution.now,
      random: (): number => {
        random ??= new Prng(BigInt.asUintN(64, execution.seed) + BigInt(execution.index));
        return random.u32();
      },
      op,
      index: execution.index,
    }),
  );
  const checked = checkedReply(r, place, { request, reply });
  r.forest.expire(horizon);
  return checked;
}

/** What the machine gives, which nobody has looked at yet. */
function called(place: MachinePlace, call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    throw machineThrew(place, error);
  }
}

function tableOf(r: Replica, table: number): LeveledTable {
  assertOwnTable(r, table);
  return r.forest.table(table);
}

/** Answers a valid query from the state as it now is; null while blocks of it are not in memory. */
export function queryGuarded(r: Replica, request: Request): Uint8Array | null {
  const { stateMachine, commitMin: op } = r;
  const reader = nameReads(r, request, { exact: false, op });
  if (reader === null) return null;
  const place: MachinePlace = { call: 'query', operation: request.operation, op };
  const reply = called(place, () => {
    assert(stateMachine.query !== undefined, 'a machine with queries answers them');
    return stateMachine.query(request, reader);
  });
  return checkedReply(r, place, { request, reply });
}
