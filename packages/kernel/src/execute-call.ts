import { unreachable } from '@kimberlite/store';
import type { ExecuteContext } from '@kimberlite/vsr';
import type { Call } from './codec/call.ts';
import { callFault } from './codec/call-fault.ts';
import { type Result, refused } from './codec/result.ts';
import { executeOperation } from './execute-operation.ts';
import { executeCompact, executeGetAt, executeRangeAt } from './execute-revision.ts';
import {
  executeStreamAppend,
  executeStreamCreate,
  executeStreamLength,
  executeStreamRead,
} from './execute-stream.ts';
import { executeTxn } from './execute-txn.ts';
import type { Quota } from './quota.ts';

interface CallScope {
  readonly revision: number;
  readonly kept: number;
  /** See rangePlan. */
  readonly looks: number;
}

/**
 * Runs one call; `revision` is the one that it takes if it changes something, `kept` how many older
 * ones stay readable, `quota` counts what it adds where there is one. A refused call has changed
 * nothing.
 */
export function executeCall(
  call: Call,
  scope: CallScope & { readonly quota: Quota | null },
  context: ExecuteContext,
): Result {
  const fault = callFault(call);
  if (fault !== null) return refused(fault);
  const { quota } = scope;
  if (quota === null) return run(call, scope, context);
  const growth = quota.growthOf(call);
  if (growth === null) return refused('no_space');
  const result = run(call, scope, context);
  if (result.kind !== 'refused') quota.add(growth);
  return result;
}

function run(call: Call, { revision, kept, looks }: CallScope, context: ExecuteContext): Result {
  const keeps = kept > 0;
  const revisions = { newest: revision - 1, kept, looks };
  switch (call.kind) {
    case 'put':
    case 'get':
    case 'delete':
    case 'range':
      return executeOperation(call, { namespace: call.namespace, revision, keeps, looks }, context);
    case 'txn':
      return executeTxn(call, { revision, keeps, looks }, context);
    case 'streamCreate':
      return executeStreamCreate(call, revision, context);
    case 'streamAppend':
      return executeStreamAppend(call, revision, context);
    case 'streamRead':
      return executeStreamRead(call, context);
    case 'streamLength':
      return executeStreamLength(call, context);
    case 'getAt':
      return executeGetAt(call, revisions, context);
    case 'rangeAt':
      return executeRangeAt(call, revisions, context);
    case 'compact':
      return executeCompact(call, revisions, context);
    default:
      return unreachable(call);
  }
}

/** The revision that a call took; null when it changed nothing. */
export function revisionTaken(result: Result): number | null {
  switch (result.kind) {
    case 'put':
    case 'delete':
    case 'txn':
    case 'streamCreate':
    case 'streamAppend':
      return result.revision;
    case 'get':
    case 'range':
    case 'streamRead':
    case 'streamLength':
    case 'rangeAt':
    case 'compact':
    case 'refused':
      return null;
    default:
      return unreachable(result);
  }
}
