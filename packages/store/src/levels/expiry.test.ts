import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes } from '../bytes.ts';
import type { TableOptions } from '../forest-types.ts';
import { expectAccounted } from './testing/accounted.ts';
import { BLOCK_SIZE, LeveledHost, leveledForest } from './testing/leveled-disk.ts';

// Aim: a table whose records expire reads as if each were gone the moment the horizon reaches it,
// wherever it lies; its space comes back; and all replicas write the same bytes though they move
// the horizon while a checkpoint is at different places.

const TABLE = 5;
const TABLES: readonly TableOptions[] = [
  { id: TABLE, name: 'expiring', combine: null, expiry: (_, value) => expiryOf(value) },
  { id: 2, name: 'plain', combine: null },
];
const ALL = Number.MAX_SAFE_INTEGER;
const EMPTY = new Uint8Array(0);

/** A value says itself when it ends. */
function valueOf(expires: number, size: number): Uint8Array {
  const value = new Uint8Array(2 + size);
  new DataView(value.buffer).setUint16(0, expires);
  return value;
}

function expiryOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getUint16(0);
}

function keyOf(n: number): Uint8Array {
  return Uint8Array.of(n >>> 8, n & 0xff);
}

interface Interval {
  /** Key, how far ahead of the horizon it ends, and bytes. */
  readonly puts: readonly (readonly [number, number, number])[];
  /** How far the horizon moves after each put, in turn. */
  readonly moves: readonly number[];
  readonly budget: number;
  readonly restart: boolean;
}

const intervalArbitrary: fc.Arbitrary<Interval> = fc.record({
  puts: fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 300 }),
      fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 400 })),
      fc.integer({ min: 0, max: 60 }),
    ),
    { maxLength: 50 },
  ),
  moves: fc.array(fc.constantFrom(0, 0, 1, 2, 9), { minLength: 1, maxLength: 4 }),
  budget: fc.integer({ min: 1, max: 20 }),
  restart: fc.boolean(),
});

/** A forest and what it must hold. */
class Expiring {
  readonly host: LeveledHost;
  readonly model: Map<number, Uint8Array> = new Map();

  constructor(cacheBlocks: number) {
    this.host = new LeveledHost(leveledForest({ cacheBlocks, tables: TABLES }));
  }

  /** What replaces a record ends no earlier than that. */
  put([key, ahead, size]: readonly [number, number, number], move: number): void {
    const { forest } = this.host;
    const before = this.model.get(key);
    const expires = Math.max(before === undefined ? 0 : expiryOf(before), forest.horizon + ahead);
    const value = valueOf(Math.min(65_535, expires), size);
    forest.table(TABLE).put(keyOf(key), value);
    forest.table(2).put(keyOf(key % 7), value);
    this.model.set(key, value);
    forest.expire(forest.horizon + move);
  }

  expectEqual(): void {
    const { host } = this;
    const { horizon } = host.forest;
    const live = [...this.model]
      .filter(([, value]) => expiryOf(value) > horizon)
      .map(([key, value]) => ({ key: keyOf(key), value }))
      .sort((first, other) => compareBytes(first.key, other.key));
    expect(host.range(TABLE, EMPTY, null, ALL)).toEqual(live);
    expect(host.range(TABLE, EMPTY, null, 3)).toEqual(live.slice(0, 3));
    for (const [key, value] of this.model) {
      const seen = expiryOf(value) > horizon ? value : null;
      expect(host.get(TABLE, keyOf(key))).toEqual(seen);
    }
  }
}

function moveOf({ moves }: Interval, at: number): number {
  return moves[at % moves.length] ?? 0;
}

describe('a table whose records expire', () => {
  it('reads without them, and writes the same whenever the horizon moves', () => {
    fc.assert(
      fc.property(fc.array(intervalArbitrary, { minLength: 1, maxLength: 25 }), (intervals) => {
        const first = new Expiring(200);
        const other = new Expiring(3);
        let early = 0;
        for (const [index, interval] of intervals.entries()) {
          interval.puts.forEach((put, at) => first.put(put, moveOf(interval, at)));
          first.host.checkpoint();
          first.expectEqual();

          interval.puts.forEach((put, at) => {
            if (at >= early) other.put(put, moveOf(interval, at));
          });
          early = 0;
          const { forest } = other.host;
          forest.freeze();
          const next = intervals[index + 1];
          while (!forest.checkpointSerialised) {
            other.host.slice(interval.budget * BLOCK_SIZE);
            const put = next?.puts[early];
            if (next === undefined || put === undefined) continue;
            other.put(put, moveOf(next, early));
            early += 1;
          }
          expect(forest.checkpointRoot()).toEqual(first.host.forest.root);
          forest.checkpointDurable();
          other.expectEqual();
          expect(other.host.disk.blocks).toEqual(first.host.disk.blocks);
          expect(forest.tree).toEqual(first.host.forest.tree);
          expectAccounted(other.host);
          if (!interval.restart) continue;
          const { root, horizon } = first.host.forest;
          first.host.restore(root);
          expect(first.host.forest.horizon).toBe(horizon);
          first.expectEqual();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('gives its space back within a few checkpoints, without another write', () => {
    const expiring = new Expiring(20);
    const { host } = expiring;
    for (let key = 0; key < 600; key += 1) {
      expiring.put([key, 1000 + key, 40], 0);
      if (key % 100 === 99) host.checkpoint();
    }
    const full = host.forest.tree.used.used;
    const usedAfter = (horizon: number): number => {
      host.forest.expire(horizon);
      for (let count = 0; count < 20; count += 1) host.checkpoint();
      expiring.expectEqual();
      return host.forest.tree.used.used;
    };
    // Little garbage stays where it is; half and more goes.
    expect(usedAfter(1010)).toBeGreaterThan(full * 0.9);
    expect(usedAfter(1400)).toBeLessThan(full * 0.5);
    usedAfter(2000);
    expect(host.forest.tree.tables.map(({ table }) => table)).toEqual([2]);
  });

  it('remembers the horizon when nothing else is left', () => {
    const { host } = new Expiring(4);
    host.forest.table(TABLE).put(keyOf(1), valueOf(5, 10));
    host.checkpoint();
    host.forest.expire(3);
    host.forest.expire(2);
    expect(host.forest.horizon).toBe(3);
    host.forest.expire(90);
    for (let count = 0; count < 4; count += 1) host.checkpoint();
    host.restore(host.forest.root);
    expect(host.forest.horizon).toBe(90);
    expect(host.range(TABLE, EMPTY, null, ALL)).toEqual([]);
    expect(host.forest.tree.tables).toEqual([]);
  });

  it('are dropped in short slices, though no block comes out of them', () => {
    let asked = 0;
    const expiry = (_: Uint8Array, value: Uint8Array): number => {
      asked += 1;
      return expiryOf(value);
    };
    const tables = [{ id: TABLE, name: 'expiring', combine: null, expiry }];
    const host = new LeveledHost(leveledForest({ cacheBlocks: 4096, tables }));
    const each = 5000;
    for (let round = 0; round < 4; round += 1) {
      for (let key = 0; key < each; key += 1) {
        host.forest.table(TABLE).put(keyOf(round * each + key), valueOf(1, 10));
      }
      host.checkpoint();
    }
    host.forest.expire(1);
    asked = 0;
    host.forest.freeze();
    expect(asked).toBe(0);
    let slices = 0;
    for (; !host.forest.checkpointSerialised; slices += 1) {
      asked = 0;
      host.slice(256 * 1024);
      expect(asked).toBeLessThanOrEqual(2_000);
    }
    // A merge of the first level is done in two steps.
    expect(slices).toBeGreaterThanOrEqual((4 * each) / 2 / 2_000);
    host.forest.checkpointDurable();
    host.checkpoint();
    expect(host.forest.tree.tables).toEqual([]);
  });
});
