import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes } from './bytes.ts';
import { OrderIndex } from './order-index.ts';
import { RecordKind } from './record.ts';
import { RecordHeap } from './record-heap.ts';

/** Keys that differ early, late, by zeros at their end, or by nothing but their length. */
const keyArbitrary = fc
  .tuple(
    fc.constantFrom('', 'n', 'namespace/', 'namespace/key ', 'other/key '),
    fc.array(fc.constantFrom(0, 1, 255), { maxLength: 6 }),
  )
  .map(([prefix, end]) => Uint8Array.from([...Buffer.from(prefix), ...end]));

const EMPTY = new Uint8Array(0);

class Model {
  readonly heap: RecordHeap = new RecordHeap();
  readonly order: OrderIndex = new OrderIndex(this.heap);
  /** In order. */
  readonly keys: { readonly key: Uint8Array; readonly slot: number }[] = [];

  add(key: Uint8Array): void {
    const at = this.placeOf(key);
    const found = this.keys[at];
    if (found !== undefined && compareBytes(found.key, key) === 0) return;
    const slot = this.heap.insert(key, EMPTY, RecordKind.put);
    this.order.insert(slot, key);
    this.keys.splice(at, 0, { key, slot });
  }

  /** Of the first key at or above. */
  placeOf(key: Uint8Array): number {
    const at = this.keys.findIndex((other) => compareBytes(other.key, key) >= 0);
    return at < 0 ? this.keys.length : at;
  }

  check(): void {
    const cursor = this.order.seek(null);
    for (const { slot } of this.keys) {
      expect(cursor.slot).toBe(slot);
      this.order.advance(cursor);
    }
    expect(cursor.slot).toBe(-1);
  }
}

describe('the order of keys', () => {
  it('is that of their bytes, whatever they begin with', () => {
    const asked = fc.array(keyArbitrary, { minLength: 300, maxLength: 1_500 });
    fc.assert(
      fc.property(asked, fc.array(keyArbitrary, { maxLength: 50 }), (keys, sought) => {
        const model = new Model();
        for (const key of keys) model.add(key);
        model.check();
        for (const key of sought) {
          const expected = model.keys[model.placeOf(key)]?.slot ?? -1;
          expect(model.order.seek(key).slot).toBe(expected);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('holds when a key comes that has less in common with a full leaf than its keys have', () => {
    const model = new Model();
    for (let n = 0; n < 400; n += 1) model.add(Buffer.from(`long prefix ${1_000 + n * 2}`));
    for (const key of ['long', 'long prefix 1', 'long prefix 1101', 'a', 'z', 'long prefiy']) {
      model.add(Buffer.from(key));
      model.check();
      // Into the middle of every leaf.
      for (let n = 0; n < 400; n += 7) model.add(Buffer.from(`long prefix ${1_001 + n * 2}${key}`));
      model.check();
    }
  });
});
