import type { Call } from './call.ts';
import { callFault } from './call-fault.ts';
import { resultSizeLimit } from './result-size-limit.ts';
import { REFUSED_SIZE } from './result-sizes.ts';

/**
 * Bytes that the result of this call may take in a reply, at most. Pure. The calls of one request
 * must sum up to at most RESULTS_SIZE_MAX, otherwise the request is not valid; a single call never
 * exceeds it (one that would is refused, and a refusal is small).
 */
export function callReplyLimit(call: Call): number {
  return callFault(call) === null ? resultSizeLimit(call) : REFUSED_SIZE;
}
