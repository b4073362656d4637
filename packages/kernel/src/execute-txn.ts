import { compareBytes, unreachable } from '@kimberlite/store';
import type { ExecuteContext, TableReader } from '@kimberlite/vsr';
import type { Compare, Relation, TxnCall } from './codec/call.ts';
import {
  type KeyOperationResult,
  type RefusedResult,
  refused,
  type TxnResult,
} from './codec/result.ts';
import { executeOperation, readKey } from './execute-operation.ts';

/**
 * Runs a transaction: all compares against the state before it, then one branch in order, each
 * operation seeing those before it. All changes of the branch are of one revision.
 */
export function executeTxn(
  call: TxnCall,
  change: { readonly revision: number; readonly keeps: boolean; readonly looks: number },
  context: ExecuteContext,
): TxnResult | RefusedResult {
  const { namespace } = call;
  const succeeded = call.compares.every((compare) => compareHolds(compare, namespace, context));
  if (!succeeded && call.else.length === 0) return refused('compare_failed');
  const branch = succeeded ? call.then : call.else;
  const { revision } = change;
  const scope = { namespace, ...change };
  const results = branch.map((operation) => executeOperation(operation, scope, context));
  const changed = results.some(takesRevision);
  return { kind: 'txn', succeeded, revision: changed ? revision : null, results };
}

function takesRevision(result: KeyOperationResult): boolean {
  switch (result.kind) {
    case 'put':
      return true;
    case 'delete':
      return result.revision !== null;
    case 'get':
    case 'range':
      return false;
    default:
      return unreachable(result);
  }
}

/** Whether the state is what the compare wants; its key was named. */
export function compareHolds(
  compare: Compare,
  namespace: Uint8Array,
  reader: TableReader,
): boolean {
  const stored = readKey(reader, namespace, compare.key);
  switch (compare.target) {
    case 'exists':
      return stored !== null;
    case 'absent':
      return stored === null;
    case 'value':
      if (stored === null) return false;
      return relationHolds(compareBytes(stored.value, compare.value), compare.relation);
    case 'createRevision':
    case 'modRevision':
    case 'version': {
      const actual = stored === null ? 0 : stored[compare.target];
      return relationHolds(actual - compare.operand, compare.relation);
    }
    default:
      return unreachable(compare);
  }
}

function relationHolds(difference: number, relation: Relation): boolean {
  switch (relation) {
    case 'equal':
      return difference === 0;
    case 'notEqual':
      return difference !== 0;
    case 'greater':
      return difference > 0;
    case 'less':
      return difference < 0;
    default:
      return unreachable(relation);
  }
}
