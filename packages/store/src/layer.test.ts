import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, hashBytes } from './bytes.ts';
import { Layer } from './layer.ts';
import { RecordKind, recordSize } from './record.ts';
import { bytesOf } from './testing/operations.ts';

function put(layer: Layer, key: Uint8Array, value: Uint8Array): void {
  const hash = hashBytes(key);
  layer.set(layer.find(key, hash), key, hash, RecordKind.put, value);
}

function content(layer: Layer): [string, string][] {
  const entries: [string, string][] = [];
  for (const cursor = layer.seek(null); cursor.slot >= 0; layer.advance(cursor)) {
    const key = String.fromCharCode(...layer.heap.key(cursor.slot));
    entries.push([key, String.fromCharCode(...layer.heap.value(cursor.slot))]);
  }
  return entries;
}

/** A permutation of 0 to count - 1 that looks random. */
function scattered(n: number, count: number): number {
  return (n * 7919 + 13) % count;
}

describe('layer', () => {
  it('orders byte strings', () => {
    const bytes = fc.uint8Array({ maxLength: 6, max: 3 });
    fc.assert(
      fc.property(bytes, bytes, (first, other) => {
        const a = String.fromCharCode(...first);
        const b = String.fromCharCode(...other);
        expect(Math.sign(compareBytes(first, other))).toBe(a < b ? -1 : a > b ? 1 : 0);
        if (a === b) expect(hashBytes(first)).toBe(hashBytes(other));
      }),
    );
  });

  // Enough keys that leaves split and the hash index becomes many shards.
  it('keeps twenty thousand keys in order through inserts and updates', () => {
    const count = 20_011;
    const layer = new Layer();
    const model = new Map<string, string>();
    for (let n = 0; n < count; n += 1) {
      const name = `key ${scattered(n, count)}`;
      put(layer, bytesOf(name), bytesOf(`${n}`));
      model.set(name, `${n}`);
      if (n % 3 === 0) continue;
      const other = `key ${scattered(n >>> 1, count)}`;
      put(layer, bytesOf(other), bytesOf('updated'));
      model.set(other, 'updated');
    }
    const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
    expect(content(layer)).toEqual(expected);
    expect(layer.size).toBe(model.size);
    for (const [name] of expected) {
      expect(layer.seek(bytesOf(name)).slot).toBe(
        layer.find(bytesOf(name), hashBytes(bytesOf(name))),
      );
    }
  });

  it('seeks to the first key at or above', () => {
    const layer = new Layer();
    for (let n = 0; n < 1000; n += 2) put(layer, bytesOf(`${1000 + n}`), bytesOf(''));
    for (let n = 0; n < 999; n += 1) {
      const { slot } = layer.seek(bytesOf(`${1000 + n}`));
      const expected = n === 999 ? null : `${1000 + n + (n % 2)}`;
      expect(slot < 0 ? null : String.fromCharCode(...layer.heap.key(slot))).toBe(
        expected === '2000' ? null : expected,
      );
    }
    expect(layer.seek(bytesOf('2')).slot).toBe(-1);
    expect(layer.seek(bytesOf('')).slot).toBe(layer.seek(null).slot);
  });

  it('holds about twice what lives in it, however often it is overwritten', () => {
    const layer = new Layer();
    const keys = 4000;
    // Keys in no order, so that every chunk keeps a few live records for long.
    let state = 1;
    for (let n = 0; n < 60 * keys; n += 1) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const key = bytesOf(`key ${(state >>> 8) % keys}`);
      put(layer, key, new Uint8Array(900 + (n % 100)).fill(n));
    }
    let live = 0;
    for (const cursor = layer.seek(null); cursor.slot >= 0; layer.advance(cursor)) {
      const { heap } = layer;
      live += recordSize(heap.keySize(cursor.slot), heap.valueSize(cursor.slot));
    }
    expect(layer.heldSize).toBeLessThan(2.5 * live + 3 * 256 * 1024);
    for (const cursor = layer.seek(null); cursor.slot >= 0; layer.advance(cursor)) {
      const value = layer.heap.value(cursor.slot);
      expect(value.every((byte) => byte === value[0])).toBe(true);
    }
  });

  it('lets go of large values', () => {
    const layer = new Layer();
    for (let n = 0; n < 100; n += 1) put(layer, bytesOf('one'), new Uint8Array(1024 * 1024));
    expect(layer.heldSize).toBeLessThan(2 * 1024 * 1024);
  });
});
