import { assert, unreachable } from '@kimberlite/store';
import type { TableReader } from '@kimberlite/vsr';
import type {
  Call,
  GetAtCall,
  GetCall,
  RangeAtCall,
  RangeCall,
  StreamLengthCall,
  StreamReadCall,
} from './codec/call.ts';
import { callFault } from './codec/call-fault.ts';
import { type Result, refused } from './codec/result.ts';
import { executeGet, executeRange } from './execute-operation.ts';
import { executeGetAt, executeRangeAt, type Revisions } from './execute-revision.ts';
import { executeStreamLength, executeStreamRead } from './execute-stream.ts';

/** A call that changes nothing, whatever the state is. */
export type ReadCall =
  | GetCall
  | RangeCall
  | StreamReadCall
  | StreamLengthCall
  | GetAtCall
  | RangeAtCall;

/** Whether a call may be asked as a query, without a place in the log. */
export function isReadCall(call: Call): call is ReadCall {
  switch (call.kind) {
    case 'get':
    case 'range':
    case 'streamRead':
    case 'streamLength':
    case 'getAt':
    case 'rangeAt':
      return true;
    case 'put':
    case 'delete':
    case 'txn':
    case 'streamCreate':
    case 'streamAppend':
    case 'compact':
      return false;
    default:
      return unreachable(call);
  }
}

/** Answers one call of a query as a logged request with it would be answered in the same state. */
export function executeQuery(call: Call, revisions: Revisions, reader: TableReader): Result {
  assert(isReadCall(call), 'a query only reads');
  const fault = callFault(call);
  if (fault !== null) return refused(fault);
  switch (call.kind) {
    case 'get':
      return executeGet(call, call.namespace, reader);
    case 'range':
      return executeRange(call, call.namespace, reader);
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
