import { unreachable } from '@kimberlite/store';
import type {
  Call,
  GetAtCall,
  GetCall,
  RangeAtCall,
  RangeCall,
  StreamLengthCall,
  StreamReadCall,
} from './call.ts';

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
