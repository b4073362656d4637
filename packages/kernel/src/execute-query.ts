import { assert, unreachable } from '@kimberlite/store';
import type { TableReader } from '@kimberlite/vsr';
import type { Call } from './codec/call.ts';
import { callFault } from './codec/call-fault.ts';
import { isReadCall } from './codec/read-call.ts';
import { type Result, refused } from './codec/result.ts';
import { executeGet, executeRange } from './execute-operation.ts';
import { executeGetAt, executeRangeAt, type LookingBack } from './execute-revision.ts';
import { executeStreamLength, executeStreamRead } from './execute-stream.ts';

/** Answers one call of a query as a logged request with it would be answered in the same state. */
export function executeQuery(call: Call, revisions: LookingBack, reader: TableReader): Result {
  assert(isReadCall(call), 'a query only reads');
  const fault = callFault(call);
  if (fault !== null) return refused(fault);
  switch (call.kind) {
    case 'get':
      return executeGet(call, call.namespace, reader);
    case 'range':
      return executeRange(call, { namespace: call.namespace, looks: revisions.looks }, reader);
    case 'streamRead':
      return executeStreamRead(call, reader);
    case 'streamLength':
      return executeStreamLength(call, reader);
    case 'getAt':
      return executeGetAt(call, revisions, reader);
    case 'rangeAt':
      return executeRangeAt(call, revisions, reader);
    default:
      return unreachable(call);
  }
}
