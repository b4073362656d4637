import { unreachable } from '@kimberlite/store';
import type { KeyNames } from '@kimberlite/vsr';
import type { Call, KeyOperation, RangeAtCall, TxnCall } from './codec/call.ts';
import { callFault } from './codec/call-fault.ts';
import { eventRows } from './codec/call-reads.ts';
import { historyPlan } from './history.ts';
import { rangeAtPlan, rangePlan } from './read-plan.ts';
import {
  BYTES_KEY,
  COMPACTED_KEY,
  EVENTS_TABLE,
  eventKey,
  eventsEnd,
  HISTORY_TABLE,
  KEYS_TABLE,
  META_TABLE,
  namespacedKey,
  REVISION_KEY,
  STREAMS_TABLE,
  TOMBSTONES_TABLE,
} from './tables.ts';

/**
 * Names everything that executing these calls may read, in one pass: the revision, and what reads,
 * deletes and compares look at. Blind puts and events to append add nothing, but where a quota is
 * counted or a history kept a put looks at what it replaces. Both branches of a
 * transaction are named, since earlier calls of the request may still change which one runs.
 */
export function nameReads(
  calls: readonly Call[],
  names: KeyNames,
  limits: { readonly counted: boolean; readonly putsRead: boolean; readonly looks: number },
): void {
  names.key(META_TABLE, REVISION_KEY);
  if (limits.counted) names.key(META_TABLE, BYTES_KEY);
  if (calls.some(asksWatermark)) names.key(META_TABLE, COMPACTED_KEY);
  const { putsRead, looks } = limits;
  const naming: Naming = { names, changesBefore: 0, deletesBefore: 0, putsRead, looks };
  for (const call of calls) {
    if (callFault(call) === null) nameCall(call, naming);
  }
}

function asksWatermark({ kind }: Call): boolean {
  return kind === 'getAt' || kind === 'rangeAt' || kind === 'compact';
}

interface Naming {
  readonly names: KeyNames;
  /** There is a quota or a history: a put must know what it replaces. */
  readonly putsRead: boolean;
  /**
   * Keys that earlier calls of the request may delete. A range names as many rows more, because
   * what it returns may lie that much further on than it does now.
   */
  deletesBefore: number;
  /** Those, and keys that they may put. */
  changesBefore: number;
  /** See rangePlan. */
  readonly looks: number;
}

function nameCall(call: Call, naming: Naming): void {
  const { names } = naming;
  const { namespace } = call;
  switch (call.kind) {
    case 'put':
    case 'get':
    case 'delete':
    case 'range':
      return nameOperation(namespace, call, naming);
    case 'txn':
      return nameTxn(call, naming);
    case 'streamCreate':
    case 'streamAppend':
    case 'streamLength':
      return names.key(STREAMS_TABLE, namespacedKey(namespace, call.stream));
    case 'streamRead':
      names.key(STREAMS_TABLE, namespacedKey(namespace, call.stream));
      return names.range(
        EVENTS_TABLE,
        eventKey(namespace, call.stream, call.offset),
        eventsEnd(namespace, call.stream),
        eventRows(call),
      );
    case 'getAt': {
      names.key(KEYS_TABLE, namespacedKey(namespace, call.key));
      const { from, to } = historyPlan(namespace, call.key, call.revision);
      return names.range(HISTORY_TABLE, from, to, 1);
    }
    case 'rangeAt':
      return nameRangeAt(call, naming);
    case 'compact':
      return;
    default:
      return unreachable(call);
  }
}

/** The keys that it looks at; nameReplaced goes on from there. Nothing beside it deletes. */
function nameRangeAt(call: RangeAtCall, { names, looks }: Naming): void {
  const plan = rangeAtPlan(call.namespace, call, looks);
  if (plan === null) return;
  names.walk(KEYS_TABLE, plan, 0);
  names.walk(TOMBSTONES_TABLE, plan, 0);
}

function nameTxn(call: TxnCall, naming: Naming): void {
  for (const { key } of call.compares) {
    naming.names.key(KEYS_TABLE, namespacedKey(call.namespace, key));
  }
  for (const operation of call.then) nameOperation(call.namespace, operation, naming);
  for (const operation of call.else) nameOperation(call.namespace, operation, naming);
}

function nameOperation(namespace: Uint8Array, operation: KeyOperation, naming: Naming): void {
  const { names } = naming;
  switch (operation.kind) {
    case 'put':
      naming.changesBefore += 1;
      if (operation.previousBytesMax === null && !naming.putsRead) return;
      return names.key(KEYS_TABLE, namespacedKey(namespace, operation.key));
    case 'get':
      return names.key(KEYS_TABLE, namespacedKey(namespace, operation.key));
    case 'delete':
      for (const key of operation.keys) names.key(KEYS_TABLE, namespacedKey(namespace, key));
      naming.deletesBefore += operation.keys.length;
      naming.changesBefore += operation.keys.length;
      return;
    case 'range': {
      const plan = rangePlan(namespace, operation, naming.looks);
      if (plan === null) return;
      const { changesBefore, deletesBefore } = naming;
      // What they change may take more room than it does now, or less.
      const room = changesBefore === 0 ? plan.room : null;
      const limit = plan.limit + deletesBefore;
      return names.walk(KEYS_TABLE, { ...plan, limit, room }, changesBefore);
    }
    default:
      return unreachable(operation);
  }
}
