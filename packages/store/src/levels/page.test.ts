import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, hashBytes } from '../bytes.ts';
import { RecordKind } from '../record.ts';
import { bytesOf } from '../testing/operations.ts';
import { filterAdmits, filterBuild } from './filter.ts';
import {
  isPage,
  PageBuilder,
  pageCount,
  pageDescend,
  pageKeySizeMax,
  pageRecord,
  pageSeek,
  pageValueSizeMax,
  recordKey,
  recordPart,
} from './page.ts';

const SIZE = 512;
const LEAF = { table: 3, level: 0 };

function pageOf(keys: readonly Uint8Array[]): Uint8Array {
  const builder = new PageBuilder(SIZE, LEAF);
  for (const key of keys) {
    if (!builder.fits(key.length, 2)) break;
    builder.append({ kind: RecordKind.put, outline: false, key, part: bytesOf('vv') });
  }
  return builder.finish();
}

const key = fc.uint8Array({ maxLength: 9, max: 3 });

describe('page', () => {
  it('finds keys as a sorted list does', () => {
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 60 }), key, (drawn, sought) => {
        const sorted = drawn.toSorted(compareBytes);
        const unique = sorted.filter((k, n) => n === 0 || compareBytes(k, sorted[n - 1] ?? k) > 0);
        const page = pageOf(unique);
        expect(isPage(page, LEAF)).toBe(true);
        const kept = unique.slice(0, pageCount(page));
        kept.forEach((each, index) => {
          const at = pageRecord(page, index);
          expect(recordKey(page, at)).toEqual(each);
          expect(recordPart(page, at)).toEqual(bytesOf('vv'));
        });
        const below = kept.filter((each) => compareBytes(each, sought) < 0).length;
        const upTo = kept.filter((each) => compareBytes(each, sought) <= 0).length;
        expect(pageSeek(page, sought)).toBe(below);
        expect(pageDescend(page, sought)).toBe(Math.max(0, upTo - 1));
      }),
    );
  });

  it('holds the longest key with the longest value part', () => {
    for (const size of [256, 512, 4096, 16384, 65536]) {
      const builder = new PageBuilder(size, LEAF);
      expect(builder.fits(pageKeySizeMax(size), pageValueSizeMax(size))).toBe(true);
    }
  });

  it('is told from bytes that would lead a reader astray', () => {
    const page = pageOf([bytesOf('a'), bytesOf('bb'), bytesOf('ccc')]);
    expect(isPage(page, LEAF)).toBe(true);
    expect(isPage(page, { table: 4, level: 0 })).toBe(false);
    expect(isPage(page, { table: 3, level: 1 })).toBe(false);
    fc.assert(
      fc.property(fc.nat({ max: SIZE - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const spoilt = page.slice();
        spoilt[at] = (spoilt[at] ?? 0) ^ flip;
        if (!isPage(spoilt, LEAF)) return;
        for (let index = 0; index < pageCount(spoilt); index += 1) {
          const record = pageRecord(spoilt, index);
          const part = recordPart(spoilt, record);
          const whole = 8 + recordKey(spoilt, record).length + part.length;
          expect(record + whole).toBeLessThanOrEqual(SIZE - 2 * pageCount(spoilt));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('filter', () => {
  it('admits every key of its leaf and few others', () => {
    const hashes = Int32Array.from({ length: 300 }, (_, n) => hashBytes(bytesOf(`key ${n}`)));
    const filter = filterBuild(hashes, 300);
    for (const hash of hashes) expect(filterAdmits(filter, 0, filter.length, hash)).toBe(true);
    let admitted = 0;
    for (let n = 0; n < 10_000; n += 1) {
      if (filterAdmits(filter, 0, filter.length, hashBytes(bytesOf(`other ${n}`)))) admitted += 1;
    }
    expect(admitted).toBeLessThan(200);
    expect(filterAdmits(filter, 0, 0, 1)).toBe(true);
  });
});
