import { REFERENCE_SIZE } from '../block.ts';
import { isRecordKind, type RecordKind, recordSize } from '../record.ts';
import { assert } from '../std/assert.ts';
import { readU32, writeU32 } from './reference.ts';

/**
 * A page: a block of records in ascending order of keys, searched where it lies. Leaves hold the
 * records of a run; above them a page holds one record a child: the child's first key, its
 * reference and, when the child is a leaf, the leaf's filter.
 *
 * | offset | size | field        |                                                     |
 * |--------|------|--------------|-----------------------------------------------------|
 * | 0      | 4    | magic        | `KFP1`                                              |
 * | 4      | 1    | level        | 0 for a leaf                                        |
 * | 5      | 3    | reserved     | zero                                                |
 * | 8      | 4    | table        | id of the table                                     |
 * | 12     | 2    | count        | records, 1 or more                                  |
 * | 14     | 2    | used         | end of the records; zeros from here to the slots    |
 * | 16     | …    | records      | one after another                                   |
 * | end    | 2·n  | slots        | offset of record i at block size - 2·(i + 1)        |
 *
 * A record: key size u16, kind u8, place u8 (0 inline, 1 outline), size of the value part u32, the
 * key, the value part. An outline value part is the size of the value u32 and the references of
 * the blocks that hold nothing but the value's bytes.
 */
export const PAGE_HEADER_SIZE = 16;
export const PAGE_RECORD_HEADER_SIZE = 8;
/** Where the references begin in an outline value part: behind the size of the value. */
export const OUTLINE_REFERENCES = 4;
/** What a page begins with. */
export const PAGE_MAGIC = 0x3150464b;
const SLOT_SIZE = 2;

/** Smallest block in which two entries of an index page fit whatever their keys. */
export const PAGE_SIZE_MIN = 256;
/** Slots are 16 bits. */
export const PAGE_SIZE_MAX: number = 64 * 1024;

/** Bytes of a page that records and slots share. */
function room(blockSize: number): number {
  return blockSize - PAGE_HEADER_SIZE;
}

/** Bytes of a key, at most: two entries with their references fit in every index page. */
export function pageKeySizeMax(blockSize: number): number {
  return Math.floor(room(blockSize) / 2) - PAGE_RECORD_HEADER_SIZE - REFERENCE_SIZE - SLOT_SIZE;
}

/** Bytes of a value part, at most: with the longest key it fits in an empty leaf. */
export function pageValueSizeMax(blockSize: number): number {
  return Math.floor(room(blockSize) / 4);
}

/** Bytes of a value, at most: its value part may be a list of references. */
export function valueSizeMax(blockSize: number): number {
  const references = Math.floor(
    (pageValueSizeMax(blockSize) - OUTLINE_REFERENCES) / REFERENCE_SIZE,
  );
  return references * blockSize;
}

export function pageCount(page: Uint8Array): number {
  return u16(page, 12);
}

/** Level of the page in its tree: 0 for a leaf. */
export function pageLevel(page: Uint8Array): number {
  return page[4] as number; // SAFETY: a page is longer than its header.
}

/** Where record `index` begins. */
export function pageRecord(page: Uint8Array, index: number): number {
  return u16(page, page.length - SLOT_SIZE * (index + 1));
}

export function recordKind(page: Uint8Array, at: number): RecordKind {
  return page[at + 2] as RecordKind; // SAFETY: checked by isPage.
}

export function recordKey(page: Uint8Array, at: number): Uint8Array {
  const start = at + PAGE_RECORD_HEADER_SIZE;
  return page.subarray(start, start + u16(page, at));
}

export function recordPart(page: Uint8Array, at: number): Uint8Array {
  const start = at + PAGE_RECORD_HEADER_SIZE + u16(page, at);
  return page.subarray(start, start + readU32(page, at + 4));
}

/** Whether the value part is a list of references. */
export function recordIsOutline(page: Uint8Array, at: number): boolean {
  return page[at + 3] === 1;
}

/** Size of an outline value, from its value part. */
export function outlineSize(part: Uint8Array): number {
  return readU32(part, 0);
}

/** Bytes of a record's value, inline or not. */
export function recordValueSize(page: Uint8Array, at: number): number {
  const part = recordPart(page, at);
  return recordIsOutline(page, at) ? outlineSize(part) : part.length;
}

/** Bytes that a record counts for in the size of a run. */
export function pageRecordWeight(page: Uint8Array, at: number): number {
  return recordSize(u16(page, at), recordValueSize(page, at));
}

/** Where the reference of the child begins that entry `index` of an index page names. */
export function pageChild(page: Uint8Array, index: number): number {
  const at = pageRecord(page, index);
  return at + PAGE_RECORD_HEADER_SIZE + u16(page, at);
}

/** Bytes of the filter behind that reference. */
export function pageFilterSize(page: Uint8Array, index: number): number {
  return readU32(page, pageRecord(page, index) + 4) - REFERENCE_SIZE;
}

/** Orders the key of the record at `at` against `key`: negative, zero or positive. */
export function recordCompare(page: Uint8Array, at: number, key: Uint8Array): number {
  const size = u16(page, at);
  const start = at + PAGE_RECORD_HEADER_SIZE;
  const common = Math.min(size, key.length);
  for (let index = 0; index < common; index += 1) {
    // SAFETY: index is below both sizes.
    const difference = (page[start + index] as number) - (key[index] as number);
    if (difference !== 0) return difference;
  }
  return size - key.length;
}

/** The first record whose key is at or above `key`; the count when there is none. */
export function pageSeek(page: Uint8Array, key: Uint8Array): number {
  let low = 0;
  let high = pageCount(page);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (recordCompare(page, pageRecord(page, middle), key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The child of an index page that alone may hold the key: the last that begins at or below it. */
export function pageDescend(page: Uint8Array, key: Uint8Array): number {
  let low = 0;
  let high = pageCount(page) - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (recordCompare(page, pageRecord(page, middle), key) <= 0) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What a page must be, as its parent says. */
export interface PagePlace {
  readonly table: number;
  readonly level: number;
}

/**
 * Whether the bytes, whose checksum is right, have the shape of this page: after this nothing that
 * is read from it can lie outside of it. The order of keys is the writer's word.
 */
export function isPage(page: Uint8Array, place: PagePlace): boolean {
  if (readU32(page, 0) !== PAGE_MAGIC || readU32(page, 4) !== place.level) return false;
  if (readU32(page, 8) !== place.table) return false;
  const count = pageCount(page);
  const used = u16(page, 14);
  if (count < 1 || used > page.length - SLOT_SIZE * count) return false;
  let at = PAGE_HEADER_SIZE;
  for (let index = 0; index < count; index += 1) {
    if (pageRecord(page, index) !== at || at + PAGE_RECORD_HEADER_SIZE > used) return false;
    const partSize = readU32(page, at + 4);
    const end = at + PAGE_RECORD_HEADER_SIZE + u16(page, at) + partSize;
    if (end > used || !isRecordKind(page[at + 2] ?? 0)) return false;
    const outline = page[at + 3];
    if (outline !== 0 && outline !== 1) return false;
    if (outline === 1 && !isOutline(partSize, readU32(page, end - partSize), page.length))
      return false;
    if (place.level > 0 && (outline === 1 || partSize < REFERENCE_SIZE)) return false;
    at = end;
  }
  if (at !== used) return false;
  for (; at < page.length - SLOT_SIZE * count; at += 1) if (page[at] !== 0) return false;
  return true;
}

function isOutline(partSize: number, size: number, blockSize: number): boolean {
  return size > 0 && partSize === OUTLINE_REFERENCES + Math.ceil(size / blockSize) * REFERENCE_SIZE;
}

/** A record to append; the value part is written as it is. */
export interface PageEntry {
  readonly kind: RecordKind;
  readonly outline: boolean;
  readonly key: Uint8Array;
  readonly part: Uint8Array;
}

/** Fills one page from the front, its slots from the back. */
export class PageBuilder {
  readonly bytes: Uint8Array;
  private readonly place: PagePlace;
  private countNow = 0;
  private used = PAGE_HEADER_SIZE;

  constructor(blockSize: number, place: PagePlace) {
    assert(blockSize >= PAGE_SIZE_MIN && blockSize <= PAGE_SIZE_MAX, 'a page has a size in range');
    this.bytes = new Uint8Array(blockSize);
    this.place = place;
  }

  /** Goes on where a finished page ended; `dropLast` gives its last record up. */
  static reopen(
    page: Uint8Array,
    place: PagePlace,
    options: { readonly dropLast: boolean },
  ): PageBuilder {
    const builder = new PageBuilder(page.length, place);
    const count = pageCount(page) - (options.dropLast ? 1 : 0);
    for (let index = 0; index < count; index += 1) {
      const at = pageRecord(page, index);
      builder.append({
        kind: recordKind(page, at),
        outline: recordIsOutline(page, at),
        key: recordKey(page, at),
        part: recordPart(page, at),
      });
    }
    return builder;
  }

  get count(): number {
    return this.countNow;
  }

  fits(keySize: number, partSize: number): boolean {
    const end = this.used + PAGE_RECORD_HEADER_SIZE + keySize + partSize;
    return end + SLOT_SIZE * (this.countNow + 1) <= this.bytes.length;
  }

  append(entry: PageEntry): void {
    const { bytes, used } = this;
    const { key, part } = entry;
    assert(this.fits(key.length, part.length), 'a record fits its page');
    bytes[used] = key.length & 0xff;
    bytes[used + 1] = key.length >>> 8;
    bytes[used + 2] = entry.kind;
    bytes[used + 3] = entry.outline ? 1 : 0;
    writeU32(bytes, used + 4, part.length);
    bytes.set(key, used + PAGE_RECORD_HEADER_SIZE);
    bytes.set(part, used + PAGE_RECORD_HEADER_SIZE + key.length);
    this.countNow += 1;
    const slot = bytes.length - SLOT_SIZE * this.countNow;
    bytes[slot] = used & 0xff;
    bytes[slot + 1] = used >>> 8;
    this.used = used + PAGE_RECORD_HEADER_SIZE + key.length + part.length;
  }

  /** A view of the key that was appended last. */
  lastKey(): Uint8Array {
    assert(this.countNow > 0, 'a key was appended');
    return recordKey(this.bytes, pageRecord(this.bytes, this.countNow - 1));
  }

  /** The page's bytes, whole; nothing may be appended any more. */
  finish(): Uint8Array {
    const { bytes } = this;
    assert(this.countNow > 0, 'a page has a record');
    writeU32(bytes, 0, PAGE_MAGIC);
    writeU32(bytes, 4, this.place.level);
    writeU32(bytes, 8, this.place.table);
    bytes[12] = this.countNow & 0xff;
    bytes[13] = this.countNow >>> 8;
    bytes[14] = this.used & 0xff;
    bytes[15] = this.used >>> 8;
    return bytes;
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8); // SAFETY: inside of the page.
}
