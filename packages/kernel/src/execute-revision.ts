import { compareBytes, present, readU64, type Walked, writeU64 } from '@kimberlite/store';
import type { ExecuteContext, TableEntry, TableReader } from '@kimberlite/vsr';
import type { CompactCall, GetAtCall, RangeAtCall } from './codec/call.ts';
import {
  type CompactResult,
  type GetResult,
  type KeyEntry,
  type RangeAtResult,
  type RefusedResult,
  refusedNumber,
} from './codec/result.ts';
import { entrySize } from './codec/result-sizes.ts';
import { readKey, shownRecord, withValue } from './execute-operation.ts';
import { isReplacedSince, type Present, readReplaced } from './history.ts';
import { readRecord, type StoredRecord } from './key-record.ts';
import { rangeAtPlan } from './read-plan.ts';
import {
  COMPACTED_KEY,
  KEYS_TABLE,
  META_TABLE,
  namespacedKeyStart,
  readTombstone,
  TOMBSTONES_TABLE,
} from './tables.ts';

/** The revisions of the moment in which a call runs. */
export interface Revisions {
  /** The last one taken. */
  readonly newest: number;
  /** How many before it are kept (`historyRevisions`). */
  readonly kept: number;
}

/** The same, and how far a range may look. */
export interface LookingBack extends Revisions {
  /** See rangePlan. */
  readonly looks: number;
}

/** The lowest revision that can be read. */
export function watermark({ newest, kept }: Revisions, reader: TableReader): number {
  const bytes = reader.get(META_TABLE, COMPACTED_KEY);
  const compacted =
    bytes === null ? 0 : readU64(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  return Math.max(compacted, newest - kept);
}

function revisionFault(
  revision: number,
  revisions: Revisions,
  reader: TableReader,
): RefusedResult | null {
  if (revision > revisions.newest) return refusedNumber('future_revision', revisions.newest);
  const lowest = watermark(revisions, reader);
  return revision < lowest ? refusedNumber('compacted', lowest) : null;
}

export function executeGetAt(
  { namespace, key, revision, bytesMax }: GetAtCall,
  revisions: Revisions,
  reader: TableReader,
): GetResult | RefusedResult {
  const fault = revisionFault(revision, revisions, reader);
  if (fault !== null) return fault;
  const now = readKey(reader, namespace, key);
  const isPresent = now !== null && now.modRevision <= revision;
  const record = isPresent ? now : readReplaced({ namespace, key }, revision, reader);
  return { kind: 'get', record: shownRecord(record, bytesMax) };
}

/**
 * Looks at a bounded number of keys that are there now, and of such as were deleted since, and says
 * how far that went: a range at a revision may pass any number of keys that were not there then.
 */
export function executeRangeAt(
  call: RangeAtCall,
  revisions: LookingBack,
  reader: TableReader,
): RangeAtResult | RefusedResult {
  const fault = revisionFault(call.revision, revisions, reader);
  if (fault !== null) return fault;
  const { candidates, end } = readCandidates(call, revisions.looks, reader);
  const entries: KeyEntry[] = [];
  let room = call.bytesMax;
  let more = end !== null;
  for (const [key, present] of candidates) {
    const stored = recordAt(call, { key, present }, reader);
    if (stored === null) continue;
    let value = call.keysOnly ? null : stored.value;
    if (entries.length === 0 && entrySize(key, value) > room) value = null;
    room -= entrySize(key, value);
    if (room < 0 || entries.length === call.limit) {
      more = true;
      return { kind: 'rangeAt', entries, more, reached: null };
    }
    entries.push({ key, ...withValue(stored, value) });
  }
  const tells = entries.length === 0 && end !== null && end.length <= call.bytesMax;
  return { kind: 'rangeAt', entries, more, reached: tells ? end : null };
}

function recordAt(
  { namespace, revision }: RangeAtCall,
  { key, present }: { readonly key: Uint8Array; readonly present: Present },
  reader: TableReader,
): StoredRecord | null {
  if (isReplacedSince(present, revision)) {
    return readReplaced({ namespace, key }, revision, reader);
  }
  const { record } = present;
  return record !== null && record.modRevision <= revision ? record : null;
}

/** Keys that a range at a revision looks at. */
export interface Candidates {
  /** Ascending. */
  readonly candidates: readonly (readonly [key: Uint8Array, present: Present])[];
  /** The last key up to which none is missing; null: to the end of the range. */
  readonly end: Uint8Array | null;
}

export function readCandidates(call: RangeAtCall, looks: number, reader: TableReader): Candidates {
  const plan = rangeAtPlan(call.namespace, call, looks);
  if (plan === null) return { candidates: [], end: null };
  const start = namespacedKeyStart(call.namespace);
  const walks = [KEYS_TABLE, TOMBSTONES_TABLE].map((table) => reader.walk(table, plan));
  const [rows = [], tombstones = []] = walks.map((walked) => wholeRows(walked));
  const ends = walks.flatMap(({ rows: found, stoppedAt }) => {
    return stoppedAt ?? found[plan.limit - 1]?.key ?? [];
  });
  const [first, other] = ends;
  const last =
    first === undefined || other === undefined || compareBytes(first, other) < 0
      ? (first ?? null)
      : other;
  const candidates: [Uint8Array, Present][] = [];
  let deadAt = 0;
  let row = 0;
  for (;;) {
    const live = rows[row];
    const dead = tombstones[deadAt];
    const order = orderOf(live?.key, dead?.key);
    const at = order <= 0 ? live : dead;
    if (at === undefined || (last !== null && compareBytes(at.key, last) > 0)) break;
    const record = order <= 0 && live !== undefined ? readRecord(live.value) : null;
    const deleted = order >= 0 && dead !== undefined ? readTombstone(dead.value) : null;
    candidates.push([at.key.subarray(start), { record, deleted }]);
    if (order <= 0) row += 1;
    if (order >= 0) deadAt += 1;
  }
  return { candidates, end: last?.subarray(start) ?? null };
}

/** Rows without a bound of their room have their whole values. */
function wholeRows({ rows }: Walked): TableEntry[] {
  return rows.map(({ key, part }) => ({ key, value: present(part) }));
}

/** How two keys stand; an absent one comes last. */
function orderOf(first: Uint8Array | undefined, other: Uint8Array | undefined): number {
  if (first === undefined) return other === undefined ? 0 : 1;
  return other === undefined ? -1 : compareBytes(first, other);
}

/** Moves the watermark up. What lies below can't be read from this very call on. */
export function executeCompact(
  { revision }: CompactCall,
  revisions: Revisions,
  context: ExecuteContext,
): CompactResult | RefusedResult {
  if (revision > revisions.newest) return refusedNumber('future_revision', revisions.newest);
  const before = watermark(revisions, context);
  if (revision <= before) return { kind: 'compact', watermark: before };
  const bytes = new Uint8Array(8);
  writeU64(new DataView(bytes.buffer), 0, revision);
  context.put(META_TABLE, COMPACTED_KEY, bytes);
  context.expire(revision);
  return { kind: 'compact', watermark: revision };
}
