import { unreachable } from '@kimberlite/store';
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
import { combineRecords, putDelta, readRecord, type StoredRecord } from './key-record.ts';
import { rangePlan } from './read-plan.ts';
import { KEYS_TABLE, namespacedKey, namespacedKeyStart } from './tables.ts';

/** Where an operation runs, and the revision that it takes if it changes something. */
export interface OperationScope extends Change {
  /** What it replaces or deletes is kept. */
  readonly keeps: boolean;
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
      return executeRange(operation, scope.namespace, context);
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
  const row = namespacedKey(namespace, key);
  const delta = putDelta(revision, value);
  if (scope.keeps) {
    const before = context.get(KEYS_TABLE, row);
    if (before !== null) keepReplaced(key, before, { change: scope, context });
    // Known as a whole and so written: who reads it next need not look below it.
    context.put(KEYS_TABLE, row, combineRecords(before, delta));
  } else context.merge(KEYS_TABLE, row, delta);
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
  namespace: Uint8Array,
  reader: TableReader,
): RangeResult {
  const plan = rangePlan(namespace, operation);
  if (plan === null) return { kind: 'range', entries: [], more: false };
  const rows = reader.range(KEYS_TABLE, plan.from, plan.to, plan.limit);
  const start = namespacedKeyStart(namespace);
  const entries: KeyEntry[] = [];
  let room = operation.bytesMax;
  for (const row of rows.slice(0, operation.limit)) {
    const key = row.key.subarray(start);
    const stored = readRecord(row.value);
    let value = operation.keysOnly ? null : stored.value;
    if (entries.length === 0 && entrySize(key, value) > room) value = null;
    room -= entrySize(key, value);
    if (room < 0) break;
    entries.push({ key, ...withValue(stored, value) });
  }
  return { kind: 'range', entries, more: rows.length > entries.length };
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
