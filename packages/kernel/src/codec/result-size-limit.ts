import { unreachable } from '@kimberlite/store';
import type { Call, KeyOperation } from './call.ts';
import { CHAIN_SIZE } from './limits.ts';
import {
  RANGE_AT_SIZE,
  RANGE_SIZE,
  RECORD_SIZE,
  REFUSED_SIZE,
  STREAM_READ_SIZE,
  TXN_SIZE,
} from './result-sizes.ts';

/**
 * Bytes that the result of a call with sizes in order may take, at most. `callFault` refuses what
 * is above RESULTS_SIZE_MAX.
 */
export function resultSizeLimit(call: Call): number {
  return Math.max(REFUSED_SIZE, acceptedLimit(call));
}

function acceptedLimit(call: Call): number {
  switch (call.kind) {
    case 'put':
    case 'get':
    case 'delete':
    case 'range':
      return operationLimit(call);
    case 'txn':
      return TXN_SIZE + Math.max(branchLimit(call.then), branchLimit(call.else));
    case 'streamCreate':
      return 1 + 8;
    case 'streamAppend':
      return 1 + 8 + 8 + 8 + CHAIN_SIZE;
    case 'streamRead':
      return STREAM_READ_SIZE + call.bytesMax;
    case 'streamLength':
      return 1 + 8 + CHAIN_SIZE;
    case 'getAt':
      return 1 + 1 + RECORD_SIZE + call.bytesMax;
    case 'rangeAt':
      return RANGE_AT_SIZE + call.bytesMax;
    case 'compact':
      return 1 + 8;
    default:
      return unreachable(call);
  }
}

function branchLimit(operations: readonly KeyOperation[]): number {
  let limit = 0;
  for (const operation of operations) limit += operationLimit(operation);
  return limit;
}

function operationLimit(operation: KeyOperation): number {
  switch (operation.kind) {
    case 'put': {
      const { previousBytesMax } = operation;
      return 1 + 8 + 1 + (previousBytesMax === null ? 0 : RECORD_SIZE + previousBytesMax);
    }
    case 'get':
      return 1 + 1 + RECORD_SIZE + operation.bytesMax;
    case 'delete':
      return 1 + 8 + 4;
    case 'range':
      return RANGE_SIZE + operation.bytesMax;
    default:
      return unreachable(operation);
  }
}
