import { encodeCalls } from '@kimberlite/kernel';
import { argumentError } from './arguments.ts';
import type { PendingCall } from './pending-call.ts';

/**
 * The body of a request with these calls, or null when none can be encoded. A call that can't be is
 * rejected and left out: its arguments should have been refused before it was queued, and if they
 * were not, that is no reason to end the process, or the calls of others.
 */
export function encodeBatch(
  batch: readonly PendingCall[],
): { readonly calls: readonly PendingCall[]; readonly body: Uint8Array } | null {
  try {
    return { calls: batch, body: encode(batch) };
  } catch (error) {
    if (batch.length === 1) {
      batch[0]?.reject(argumentError(error));
      return null;
    }
  }
  const calls = batch.filter((pending) => encodeBatch([pending]) !== null);
  return calls.length === 0 ? null : { calls, body: encode(calls) };
}

function encode(batch: readonly PendingCall[]): Uint8Array {
  return encodeCalls(batch.map(({ asked }) => asked.call));
}
