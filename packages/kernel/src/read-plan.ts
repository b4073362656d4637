import { compareBytes } from '@kimberlite/store';
import type { RangeAtCall, RangeOperation, StreamReadCall } from './codec/call.ts';
import { RANGE_AT_EXAMINED_MAX } from './codec/limits.ts';
import { entrySize, eventSize } from './codec/result-sizes.ts';
import { namespacedKey, namespaceEnd } from './tables.ts';

/**
 * What a range or stream read looks at. `prefetch` names it and `execute` reads it, so both take it
 * from here. It is bounded by the reply, not only by the limit: a request can't make replicas read
 * more rows than it has room to return (one more for each call).
 */
export interface RowRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  /** Rows, at most. */
  readonly limit: number;
}

const NO_BYTES = new Uint8Array(0);
const ENTRY_SIZE_MIN = entrySize(Uint8Array.of(0), null);
const EVENT_SIZE_MIN = eventSize(NO_BYTES);

/** The rows of a range, one more than it may return, or null for an empty range. */
export function rangePlan(namespace: Uint8Array, operation: RangeOperation): RowRange | null {
  const from = namespacedKey(namespace, operation.from);
  const to =
    operation.to === null ? namespaceEnd(namespace) : namespacedKey(namespace, operation.to);
  if (compareBytes(from, to) >= 0) return null;
  const fitting = Math.floor(operation.bytesMax / ENTRY_SIZE_MIN);
  return { from, to, limit: Math.min(operation.limit, fitting) + 1 };
}

/**
 * The rows that a range at a revision looks at: so many keys, and so many that were deleted. Each
 * may take a look into the history, so they are fewer.
 */
export function rangeAtPlan(namespace: Uint8Array, call: RangeAtCall): RowRange | null {
  const plan = rangePlan(namespace, { ...call, kind: 'range' });
  return plan === null ? null : { ...plan, limit: Math.min(plan.limit, RANGE_AT_EXAMINED_MAX) };
}

/** Events to look at: at least one, for the chain before it. */
export function eventsPlanLimit(call: StreamReadCall): number {
  const fitting = Math.floor(call.bytesMax / EVENT_SIZE_MIN);
  return Math.max(1, Math.min(call.limit, fitting));
}
