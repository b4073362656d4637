import { compareBytes } from '@kimberlite/store';
import type { KeyNames, TableReader } from '@kimberlite/vsr';
import type { Call, KeyOperation, RangeAtCall } from './codec/call.ts';
import { callFault } from './codec/call-fault.ts';
import { readCandidates } from './execute-revision.ts';
import { historyPlan, isReplacedSince } from './history.ts';
import { rangeAtPlan } from './read-plan.ts';
import { HISTORY_TABLE, namespacedKey } from './tables.ts';

/**
 * The second round of names, for ranges at a revision: of the keys that the first has found, those
 * that were replaced since are looked for in the history. What earlier calls of the request may put
 * or delete is looked for in any case: it will have been replaced by then.
 */
export function nameReplaced(calls: readonly Call[], names: KeyNames, reader: TableReader): void {
  const touched: Uint8Array[] = [];
  let deletesBefore = 0;
  for (const call of calls) {
    if (callFault(call) !== null) continue;
    if (call.kind === 'rangeAt') {
      nameOne(call, { names, reader, touched, deletesBefore });
      continue;
    }
    for (const operation of operationsOf(call)) {
      if (operation.kind === 'delete') deletesBefore += operation.keys.length;
      for (const key of changedBy(operation)) touched.push(namespacedKey(call.namespace, key));
    }
  }
}

interface Naming {
  readonly names: KeyNames;
  readonly reader: TableReader;
  /** Keys in KEYS_TABLE. */
  readonly touched: readonly Uint8Array[];
  readonly deletesBefore: number;
}

function nameOne(call: RangeAtCall, { names, reader, touched, deletesBefore }: Naming): void {
  const { namespace, revision } = call;
  const plan = rangeAtPlan(namespace, call);
  if (plan === null) return;
  const name = (key: Uint8Array): void => {
    const { from, to } = historyPlan(namespace, key, revision);
    names.range(HISTORY_TABLE, from, to, 1);
  };
  for (const [key, present] of readCandidates(call, reader, deletesBefore).candidates) {
    if (isReplacedSince(present, revision)) name(key);
  }
  const start = namespacedKey(namespace, new Uint8Array(0)).length;
  for (const row of touched) {
    if (compareBytes(row, plan.from) < 0 || compareBytes(row, plan.to) >= 0) continue;
    name(row.subarray(start));
  }
}

function operationsOf(call: Call): readonly KeyOperation[] {
  if (call.kind === 'txn') return [...call.then, ...call.else];
  return call.kind === 'put' || call.kind === 'delete' ? [call] : [];
}

function changedBy(operation: KeyOperation): readonly Uint8Array[] {
  if (operation.kind === 'put') return [operation.key];
  return operation.kind === 'delete' ? operation.keys : [];
}
