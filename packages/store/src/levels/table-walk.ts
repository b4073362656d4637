import { compareBytes } from '../bytes.ts';
import { assert } from '../std/assert.ts';
import type { MergedCursor } from './merged-cursor.ts';

/** A part of a table to be walked over, within bounds of what is looked at. */
export interface Walk {
  /** First key, included. */
  readonly from: Uint8Array;
  /** End, excluded; null for the end of the table. */
  readonly to: Uint8Array | null;
  /** Rows, at most. */
  readonly limit: number;
  /** Keys that are looked at, at most: those of rows, and those that are there no more. */
  readonly lookMax: number;
  /** How much of the rows is wanted; null for all of it. */
  readonly room: WalkRoom | null;
}

/**
 * Room for rows, for a table with a `headSize`. A value is read only if it fits with its key into
 * what is left; the first row that does not fit ends the walk, but of the very first of all the
 * head counts instead of the value where that fits.
 */
export interface WalkRoom {
  readonly bytes: number;
  /** What a row takes beside its key and its value; may be below 0. */
  readonly perRow: number;
  /** No value is read, only heads, and only these count. */
  readonly headsOnly: boolean;
}

/** A row that a walk came to. */
export interface WalkedRow {
  readonly key: Uint8Array;
  /** Bytes of the value. */
  readonly size: number;
  /** What there is of the value: all of it, its head or more, or nothing. Null without room. */
  readonly part: Uint8Array | null;
}

/** What a walk came to, ascending by key. */
export interface Walked {
  readonly rows: readonly WalkedRow[];
  /** The last key that was looked at, when `lookMax` has ended the walk; otherwise null. */
  readonly stoppedAt: Uint8Array | null;
}

/** How the rows of a table are seen. */
export interface WalkedTable {
  readonly headSize: number | null;
  /** Whether a row with this value is seen; null where every one is. */
  readonly seen: ((key: Uint8Array, value: Uint8Array) => boolean) | null;
}

type Share = 'value' | 'head' | 'nothing';

/** What of each row there is room for. */
class Meter {
  private readonly walk: Walk;
  private readonly headSize: number | null;
  private left: number;
  private rows = 0;

  constructor(walk: Walk, headSize: number | null) {
    assert(walk.limit > 0 && walk.lookMax > 0, 'a walk looks at something');
    assert(walk.room === null || headSize !== null, 'room is reckoned in a table with heads');
    this.walk = walk;
    this.headSize = headSize;
    this.left = walk.room?.bytes ?? 0;
  }

  next(keySize: number, valueSize: number): Share {
    const { room } = this.walk;
    this.rows += 1;
    if (room === null || this.headSize === null) return 'value';
    const bare = keySize + room.perRow;
    const head = Math.min(this.headSize, valueSize);
    let share: Share = room.headsOnly ? 'head' : 'value';
    if (share === 'value' && this.rows === 1 && bare + valueSize > this.left) share = 'head';
    this.left -= bare + (share === 'value' ? valueSize : head);
    return this.left < 0 ? 'nothing' : share;
  }

  get ended(): boolean {
    return this.rows === this.walk.limit || this.left < 0;
  }
}

/** The rows; 'wanted' while blocks of what is asked for are not in memory. */
export function walkRows(cursor: MergedCursor, walk: Walk, table: WalkedTable): Walked | 'wanted' {
  const meter = new Meter(walk, table.headSize);
  const rows: WalkedRow[] = [];
  for (let looked = 1; ; looked += 1) {
    if (!cursor.settle()) return 'wanted';
    const key = cursor.key();
    if (key === null || isBeyond(walk, key)) return { rows, stoppedAt: null };
    const row = rowAt(cursor, { key, meter, table });
    if (row === 'wanted') return 'wanted';
    if (row !== null) rows.push(row);
    if (meter.ended) return { rows, stoppedAt: null };
    if (looked === walk.lookMax) return { rows, stoppedAt: key };
    cursor.advance();
  }
}

function rowAt(
  cursor: MergedCursor,
  at: { readonly key: Uint8Array; readonly meter: Meter; readonly table: WalkedTable },
): WalkedRow | 'wanted' | null {
  const { key, meter, table } = at;
  if (!cursor.isLive()) return null;
  if (table.seen !== null) {
    const value = cursor.resolve()?.whole ?? 'wanted';
    if (value === 'wanted') return 'wanted';
    if (!table.seen(key, value)) return null;
    meter.next(key.length, value.length);
    return { key, size: value.length, part: value };
  }
  const size = cursor.valueSize();
  const share = meter.next(key.length, size);
  if (share === 'nothing') return { key, size, part: null };
  const fold = share === 'head' ? cursor.resolveHead(table.headSize ?? 0) : cursor.resolve();
  if (fold === null) return 'wanted';
  const part = fold.whole;
  return { key, size: share === 'head' ? size : part.length, part };
}

/** How far a walk would come, and whether all that it takes is in memory. */
export interface FetchedWalk {
  /** What is missing is wanted. */
  readonly complete: boolean;
  readonly looked: number;
}

/** Wants what `walkRows` takes; does not end at the first value that is missing. */
export function fetchRows(cursor: MergedCursor, walk: Walk, table: WalkedTable): FetchedWalk {
  const meter = new Meter(walk, table.headSize);
  let complete = true;
  for (let looked = 1; ; looked += 1) {
    if (!cursor.settle()) return { complete: false, looked };
    const key = cursor.key();
    if (key === null || isBeyond(walk, key)) return { complete, looked: looked - 1 };
    if (!isFetched(cursor, { key, meter, table })) complete = false;
    if (meter.ended || looked === walk.lookMax) return { complete, looked };
    cursor.advance();
  }
}

function isFetched(
  cursor: MergedCursor,
  at: { readonly key: Uint8Array; readonly meter: Meter; readonly table: WalkedTable },
): boolean {
  const { key, meter, table } = at;
  if (!cursor.isLive()) return true;
  if (table.seen !== null) {
    if (cursor.fetch() === 'wanted') {
      meter.next(key.length, 0); // As if it were seen: a row less may be fetched, never one more.
      return false;
    }
    const value = cursor.resolve()?.whole;
    if (value !== undefined && table.seen(key, value)) meter.next(key.length, value.length);
    return true;
  }
  const share = meter.next(key.length, cursor.valueSize());
  if (share === 'nothing') return true;
  if (share === 'head') return cursor.fetchHead(table.headSize ?? 0);
  return cursor.fetch() !== 'wanted';
}

function isBeyond({ to }: Walk, key: Uint8Array): boolean {
  return to !== null && compareBytes(key, to) >= 0;
}
