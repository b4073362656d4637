import type { TableOptions } from '@kimberlite/store';
import {
  REPLY_BODY_MAX,
  type Request,
  type StateLimits,
  type StateMachine,
} from '../../state-machine.ts';
import {
  type MachineCall,
  type MachinePlace,
  machineMisdeed,
  machineThrew,
} from '../../state-machine-error.ts';
import type { Op } from '../../std/numbers.ts';
import type { RequestWeight } from '../primary-state.ts';
import type { Replica } from '../replica.ts';

/** Tells the machine what its cluster was formatted with. */
export function openMachine(machine: StateMachine, limits: StateLimits): void {
  try {
    machine.open?.(limits);
  } catch (error) {
    throw machineThrew({ call: 'open', operation: null, op: null }, error);
  }
}

/** Whether the body is a request of the operation. `op`: the one that it is part of, if any. */
export function isValidBody(r: Replica, request: Request, op: Op | null): boolean {
  const { operation, body } = request;
  try {
    return r.stateMachine.validate(operation, body);
  } catch (error) {
    throw machineThrew({ call: 'validate', operation, op }, error);
  }
}

/** Whether a valid body only reads. */
export function isQueryBody(r: Replica, { operation, body }: Request): boolean {
  try {
    return r.stateMachine.isQuery?.(operation, body) === true;
  } catch (error) {
    throw machineThrew({ call: 'isQuery', operation, op: null }, error);
  }
}

/** What a valid request may take. */
export function machineWeight(r: Replica, { operation, body }: Request): RequestWeight {
  let call: MachineCall = 'replyLimit';
  try {
    const replyLimit = r.stateMachine.replyLimit(operation, body);
    call = 'looks';
    return { replyLimit, looks: r.stateMachine.looks?.(operation, body) ?? 0 };
  } catch (error) {
    throw machineThrew({ call, operation, op: null }, error);
  }
}

/**
 * Holds a machine to its promise: bytes, and no more than it said. A primary fills ops by these
 * limits, so one reply above its own would let the replies of an op outgrow what a stored op may.
 */
export function checkedReply(
  r: Replica,
  place: MachinePlace,
  { request, reply }: { readonly request: Request; readonly reply: unknown },
): Uint8Array {
  if (!(reply instanceof Uint8Array)) {
    throw machineMisdeed(place, `answered with ${typeName(reply)}, not with a Uint8Array`);
  }
  const replyLimit = replyLimitOf(r, place, request);
  if (reply.length <= replyLimit && reply.length <= REPLY_BODY_MAX) return reply;
  const limit = Math.min(replyLimit, REPLY_BODY_MAX);
  throw machineMisdeed(place, `answered with ${reply.length} bytes, above its replyLimit ${limit}`);
}

function replyLimitOf(r: Replica, place: MachinePlace, { operation, body }: Request): number {
  try {
    return r.stateMachine.replyLimit(operation, body);
  } catch (error) {
    throw machineThrew({ ...place, call: 'replyLimit' }, error);
  }
}

/** A table of the machine whose `combine` says where it threw; merges call it at any time. */
export function watchedTable(table: TableOptions): TableOptions {
  const { combine, id, name } = table;
  if (combine === null) return table;
  const call: MachineCall = `combine of table ${id} (${name})`;
  const place: MachinePlace = { call, operation: null, op: null };
  return {
    ...table,
    combine: (older, delta): Uint8Array => {
      let joined: unknown;
      try {
        joined = combine(older, delta);
      } catch (error) {
        throw machineThrew(place, error);
      }
      if (joined instanceof Uint8Array) return joined;
      throw machineMisdeed(place, `made ${typeName(joined)}, not a Uint8Array`);
    },
  };
}

function typeName(value: unknown): string {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  return `an object of ${Object.getPrototypeOf(value)?.constructor?.name ?? 'no class'}`;
}
