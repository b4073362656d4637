import { compareBytes, type Walk } from '@kimberlite/store';
import type { RangeAtCall, RangeOperation } from './codec/call.ts';
import { rangeAtRows, rangeRows } from './codec/call-reads.ts';
import { RECORD_SIZE } from './codec/result-sizes.ts';
import { RECORD_HEAD_SIZE } from './key-record.ts';
import { namespacedKey, namespacedKeyStart, namespaceEnd } from './tables.ts';

/**
 * What a range or stream read looks at. `prefetch` names it and `execute` reads it, so both take it
 * from here. It is bounded by the reply, not only by the limit: more rows than a call has room to
 * return, and one, are not read for it. Deletes beside a range add to that; what all calls of a
 * request come to is bounded by ROWS_READ_MAX. `looks` is its share of LOOKS_SHARED: keys that it
 * may come by that are there no more.
 */

/** The rows of a range, one more than it may return, or null for an empty range. */
export function rangePlan(
  namespace: Uint8Array,
  operation: RangeOperation,
  looks: number,
): Walk | null {
  const bounds = boundsOf(namespace, operation);
  if (bounds === null) return null;
  const limit = rangeRows(operation);
  const { bytesMax, keysOnly } = operation;
  // What `entrySize` of the entry is, of the row's key and value.
  const perRow = 2 + RECORD_SIZE - namespacedKeyStart(namespace) - RECORD_HEAD_SIZE;
  const room = { bytes: bytesMax, perRow, headsOnly: keysOnly };
  return { ...bounds, limit, lookMax: limit + looks, room };
}

/**
 * The rows that a range at a revision looks at: so many keys, and so many that were deleted. Each
 * may take a look into the history, so they are fewer.
 */
export function rangeAtPlan(namespace: Uint8Array, call: RangeAtCall, looks: number): Walk | null {
  const bounds = boundsOf(namespace, call);
  if (bounds === null) return null;
  const limit = rangeAtRows(call);
  return { ...bounds, limit, lookMax: limit + looks, room: null };
}

function boundsOf(
  namespace: Uint8Array,
  asked: { readonly from: Uint8Array; readonly to: Uint8Array | null },
): Pick<Walk, 'from' | 'to'> | null {
  const from = namespacedKey(namespace, asked.from);
  const to = asked.to === null ? namespaceEnd(namespace) : namespacedKey(namespace, asked.to);
  return compareBytes(from, to) >= 0 ? null : { from, to };
}
