import { assert, present, unreachable } from '@kimberlite/store';
import type { ExecuteContext, TableReader } from '@kimberlite/vsr';
import type {
  DeleteOperation,
  GetOperation,
  KeyOperation,
  PutOperation,
  RangeOperation,
} from './codec/call.ts';
import type {
  DeleteResult,
  GetResult,
  KeyEntry,
  KeyOperationResult,
  KeyRecord,
  PutResult,
  RangeResult,
} from './codec/result.ts';
import { entrySize } from './codec/result-sizes.ts';
import { type Change, keepDeleted, keepReplaced } from './history.ts';
import {
  combineRecords,
  putDelta,
  RECORD_HEAD_SIZE,
  readRecord,
  type StoredRecord,
} from './key-record.ts';
import { rangePlan } from './read-plan.ts';
import { KEYS_TABLE, namespacedKey, namespacedKeyStart, outgoingKey } from './tables.ts';

/** Where an operation runs, and the revision that it takes if it changes something. */
export interface OperationScope extends Change {
  /** What it replaces or deletes is kept. */
  readonly keeps: boolean;
  /** See rangePlan. */
  readonly looks: number;
}

/** Runs one operation on keys whose sizes are in order. */
export function executeOperation(
  operation: KeyOperation,
  scope: OperationScope,
  context: ExecuteContext,
): KeyOperationResult {
  switch (operation.kind) {
    case 'put':
      return executePut(operation, scope, context);
    case 'get':
      return executeGet(operation, scope.namespace, context);
    case 'delete':
      return executeDelete(operation, scope, context);
    case 'range':
      return executeRange(operation, scope, context);
    default:
      return unreachable(operation);
  }
}

/** The record of a key that was named, or null when it is absent. */
export function readKey(
  reader: TableReader,
  namespace: Uint8Array,
  key: Uint8Array,
): StoredRecord | null {
  const bytes = reader.get(KEYS_TABLE, namespacedKey(namespace, key));
  return bytes === null ? null : readRecord(bytes);
}

export function executeGet(
  { key, bytesMax }: GetOperation,
  namespace: Uint8Array,
  reader: TableReader,
): GetResult {
  return { kind: 'get', record: shownRecord(readKey(reader, namespace, key), bytesMax) };
}

function executePut(
  operation: PutOperation,
  scope: OperationScope,
  context: ExecuteContext,
): PutResult {
  const { namespace, revision } = scope;
  const { key, value, previousBytesMax } = operation;
  let previous: KeyRecord | null = null;
  if (previousBytesMax !== null) {
    previous = shownRecord(readKey(context, namespace, key), previousBytesMax);
  }
  const delta = putDelta(revision, value);
  if (scope.keeps) {
    const row = namespacedKey(namespace, key);
    const before = context.get(KEYS_TABLE, row);
    if (before !== null) keepReplaced(key, before, { change: scope, context });
    // Known as a whole and so written: who reads it next need not look below it.
    context.put(KEYS_TABLE, row, combineRecords(before, delta));
  } else context.merge(KEYS_TABLE, outgoingKey(namespace, key), delta);
  return { kind: 'put', revision, previous };
}

function executeDelete(
  operation: DeleteOperation,
  scope: OperationScope,
  context: ExecuteContext,
): DeleteResult {
  let deleted = 0;
  for (const key of operation.keys) {
    const row = namespacedKey(scope.namespace, key);
    const stored = context.get(KEYS_TABLE, row);
    if (stored === null) continue;
    if (scope.keeps) keepDeleted(key, stored, { change: scope, context });
    context.delete(KEYS_TABLE, row);
    deleted += 1;
  }
  return { kind: 'delete', revision: deleted === 0 ? null : scope.revision, deleted };
}

/**
 * Returns entries while they fit. The first one is returned without its value rather than not at
 * all, so that a long value never stops a walk over the keys.
 */
export function executeRange(
  operation: RangeOperation,
  { namespace, looks }: Pick<OperationScope, 'namespace' | 'looks'>,
  reader: TableReader,
): RangeResult {
  const plan = rangePlan(namespace, operation, looks);
  if (plan === null) return { kind: 'range', entries: [], more: false, reached: null };
  const { rows, stoppedAt } = reader.walk(KEYS_TABLE, plan);
  const start = namespacedKeyStart(namespace);
  const entries: KeyEntry[] = [];
  let room = operation.bytesMax;
  for (const row of rows.slice(0, operation.limit)) {
    const key = row.key.subarray(start);
    const valueSize = row.size - RECORD_HEAD_SIZE;
    const bare = entrySize(key, null);
    const tooLong = entries.length === 0 && bare + valueSize > room;
    const withheld = operation.keysOnly || tooLong;
    room -= bare + (withheld ? 0 : valueSize);
    if (room < 0) break;
    const { value, ...numbers } = readRecord(present(row.part, 'what there is room for was read'));
    assert(withheld || value.length === valueSize, 'a value is whole');
    entries.push({ key, ...numbers, valueSize, value: withheld ? null : value });
  }
  const more = rows.length > entries.length || stoppedAt !== null;
  const end = rows.length === 0 ? (stoppedAt?.subarray(start) ?? null) : null;
  return { kind: 'range', entries, more, reached: tellable(end, operation.bytesMax) };
}

/** A key that a range tells it has reached must fit where entries would. */
function tellable(reached: Uint8Array | null, bytesMax: number): Uint8Array | null {
  return reached !== null && 2 + reached.length <= bytesMax ? reached : null;
}

/** A record as an answer shows it: without its value when that is longer than `bytesMax`. */
export function shownRecord(stored: StoredRecord | null, bytesMax: number): KeyRecord | null {
  if (stored === null) return null;
  return withValue(stored, stored.value.length <= bytesMax ? stored.value : null);
}

export function withValue(stored: StoredRecord, value: Uint8Array | null): KeyRecord {
  const { createRevision, modRevision, version } = stored;
  return { value, valueSize: stored.value.length, createRevision, modRevision, version };
}
