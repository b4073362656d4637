import { type LeveledTable, readU64, readU128, writeU64, writeU128 } from '@kimberlite/store';
import { SLOT_COUNT } from '../../membership.ts';
import { type KnownFile, UNKNOWN_FILE } from '../../message/known-files.ts';
import { Op } from '../../std/numbers.ts';

/** Table of the core that holds the files which took the place of lost ones. */
export const TABLE_REPLACED_FILES = 2;

/** Bytes of a record: the op since which the file counts (8), then incarnation (16). */
const RECORD_SIZE = 24;

/**
 * The files that took the place of lost ones: replicated, so that every replica learns of them.
 * They are few, and always in memory too.
 */
export class ReplacedFiles {
  private readonly table: LeveledTable;
  private readonly bySlot: Map<number, KnownFile> = new Map();

  constructor(table: LeveledTable) {
    this.table = table;
  }

  /** Reads them, after a restore; false while blocks are wanted for it. */
  load(): boolean {
    this.bySlot.clear();
    const records = this.table.scan(new Uint8Array(0), null, SLOT_COUNT);
    if (records === 'wanted') return false;
    for (const { key, value } of records) {
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
      const file = { incarnation: readU128(view, 8), since: Op(readU64(view, 0)) };
      this.bySlot.set(key[0] ?? 0, file);
    }
    return true;
  }

  get(slot: number): KnownFile | null {
    return this.bySlot.get(slot) ?? null;
  }

  /** By slot, SLOT_COUNT of them. */
  all(): KnownFile[] {
    return Array.from({ length: SLOT_COUNT }, (_, slot) => this.get(slot) ?? UNKNOWN_FILE);
  }

  put(slot: number, file: KnownFile): void {
    const record = new Uint8Array(RECORD_SIZE);
    const view = new DataView(record.buffer);
    writeU64(view, 0, file.since);
    writeU128(view, 8, file.incarnation);
    this.bySlot.set(slot, file);
    this.table.put(new Uint8Array([slot]), record);
  }

  clear(): void {
    for (const slot of this.bySlot.keys()) this.table.delete(new Uint8Array([slot]));
    this.bySlot.clear();
  }
}
