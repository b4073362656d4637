import { compareBytes } from '@kimberlite/store';
import type { RangeAtCall, RangeOperation } from './codec/call.ts';
import { rangeAtRows, rangeRows } from './codec/call-reads.ts';
import { namespacedKey, namespaceEnd } from './tables.ts';

/**
 * What a range or stream read looks at. `prefetch` names it and `execute` reads it, so both take it
 * from here. It is bounded by the reply, not only by the limit: more rows than a call has room to
 * return, and one, are not read for it. Deletes beside a range add to that; what all calls of a
 * request come to is bounded by ROWS_READ_MAX.
 */
export interface RowRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  /** Rows, at most. */
  readonly limit: number;
}

/** The rows of a range, one more than it may return, or null for an empty range. */
export function rangePlan(namespace: Uint8Array, operation: RangeOperation): RowRange | null {
  const from = namespacedKey(namespace, operation.from);
  const to =
    operation.to === null ? namespaceEnd(namespace) : namespacedKey(namespace, operation.to);
  if (compareBytes(from, to) >= 0) return null;
  return { from, to, limit: rangeRows(operation) };
}

/**
 * The rows that a range at a revision looks at: so many keys, and so many that were deleted. Each
 * may take a look into the history, so they are fewer.
 */
export function rangeAtPlan(namespace: Uint8Array, call: RangeAtCall): RowRange | null {
  const plan = rangePlan(namespace, { ...call, kind: 'range' });
  return plan === null ? null : { ...plan, limit: rangeAtRows(call) };
}
