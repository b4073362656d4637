import { writeU64 } from '@kimberlite/store';
import type { ExecuteContext, TableReader } from '@kimberlite/vsr';
import { readRecord, type StoredRecord } from './key-record.ts';
import {
  HISTORY_TABLE,
  historyEnd,
  historyKey,
  namespacedKey,
  TOMBSTONES_TABLE,
} from './tables.ts';

/**
 * What keys were before. Where history is kept, whatever replaces or deletes a record writes it
 * down under the revision that did so: the record was true from its mod revision until just before
 * that one. A row alone so says when nobody can ask for it any more, and goes by itself
 * (docs/decisions/older-revisions.md).
 *
 * Keys that are absent now are found by their tombstones. Those too end by themselves.
 */

/** Which change this is. */
export interface Change {
  readonly namespace: Uint8Array;
  readonly revision: number;
}

/** Keeps the record that a delete ends, and where it was. */
export function keepDeleted(
  key: Uint8Array,
  bytes: Uint8Array,
  { change, context }: { readonly change: Change; readonly context: ExecuteContext },
): void {
  keepReplaced(key, bytes, { change, context });
  const tombstone = new Uint8Array(8);
  writeU64(new DataView(tombstone.buffer), 0, change.revision);
  context.put(TOMBSTONES_TABLE, namespacedKey(change.namespace, key), tombstone);
}

/** Keeps the record that a put replaces; `bytes` is what KEYS_TABLE has of it. */
export function keepReplaced(
  key: Uint8Array,
  bytes: Uint8Array,
  { change, context }: { readonly change: Change; readonly context: ExecuteContext },
): void {
  // What a transaction itself has put was never there between two revisions.
  if (readRecord(bytes).modRevision === change.revision) return;
  context.put(HISTORY_TABLE, historyKey(change.namespace, key, change.revision), bytes);
}

/** A row of HISTORY_TABLE at most: the first that ended after the revision. */
export function historyPlan(
  namespace: Uint8Array,
  key: Uint8Array,
  revision: number,
): { readonly from: Uint8Array; readonly to: Uint8Array } {
  return { from: historyKey(namespace, key, revision + 1), to: historyEnd(namespace, key) };
}

/** What a key is now. */
export interface Present {
  readonly record: StoredRecord | null;
  /** When it was last deleted; null if it never was, as far as anybody may still ask. */
  readonly deleted: number | null;
}

/** Whether only HISTORY_TABLE knows what a key was just after the revision. */
export function isReplacedSince({ record, deleted }: Present, revision: number): boolean {
  if (record !== null) {
    if (record.modRevision <= revision) return false;
    if (record.createRevision <= revision) return true;
  }
  return deleted !== null && deleted > revision;
}

/** The record that was true just after the revision and is no more; null when none was. */
export function readReplaced(
  name: { readonly namespace: Uint8Array; readonly key: Uint8Array },
  revision: number,
  reader: TableReader,
): StoredRecord | null {
  const { from, to } = historyPlan(name.namespace, name.key, revision);
  const row = reader.range(HISTORY_TABLE, from, to, 1)[0];
  if (row === undefined) return null;
  const record = readRecord(row.value);
  return record.modRevision <= revision ? record : null;
}
