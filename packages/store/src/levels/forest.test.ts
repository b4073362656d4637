import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes } from '../bytes.ts';
import type { BlockReference } from '../forest-types.ts';
import { present } from '../std/assert.ts';
import { bytesOf, type Change } from '../testing/operations.ts';
import type { BlockHold } from './block-hold.ts';
import type { Forest } from './forest.ts';
import { expectAccounted } from './testing/accounted.ts';
import {
  BLOCK_SIZE,
  countAndAppend,
  LEVELED_TABLES,
  LeveledHost,
  leveledForest,
} from './testing/leveled-disk.ts';

type Model = Map<number, Map<string, Uint8Array>>;

function modelNew(): Model {
  return new Map(LEVELED_TABLES.map(({ id }) => [id, new Map<string, Uint8Array>()]));
}

function modelCopy(model: Model): Model {
  return new Map([...model].map(([id, table]) => [id, new Map(table)]));
}

function keyText(key: Uint8Array): string {
  return String.fromCharCode(...key);
}

/** A delta as the tables' `combine` knows it: a count of one, then the bytes. */
function deltaOf(value: Uint8Array): Uint8Array {
  return Uint8Array.from([1, ...value.subarray(0, 24)]);
}

function apply(forest: Forest, change: Change): void {
  const table = forest.table(change.table);
  if (change.kind === 'delete') table.delete(change.key);
  else if (change.table !== 3) table.put(change.key, change.value);
  else if (change.kind === 'merge') table.merge(change.key, deltaOf(change.value));
  else table.put(change.key, deltaOf(change.value));
}

function modelApply(model: Model, change: Change): void {
  const table = model.get(change.table) ?? new Map<string, Uint8Array>();
  const key = keyText(change.key);
  const older = table.get(key);
  if (change.kind === 'delete') table.delete(key);
  else if (change.table !== 3) table.set(key, change.value.slice());
  else if (change.kind === 'merge' && older !== undefined) {
    table.set(key, countAndAppend(older, deltaOf(change.value)));
  } else table.set(key, deltaOf(change.value));
}

function modelRange(model: Model, table: number): { key: Uint8Array; value: Uint8Array }[] {
  return [...(model.get(table) ?? [])]
    .map(([key, value]) => ({ key: bytesOf(key), value }))
    .sort((first, other) => compareBytes(first.key, other.key));
}

function expectEqual(host: LeveledHost, model: Model): void {
  for (const { id } of LEVELED_TABLES) {
    const expected = modelRange(model, id);
    expect(host.range(id, new Uint8Array(0), null, Number.MAX_SAFE_INTEGER)).toEqual(expected);
    for (const { key, value } of expected) expect(host.get(id, key)).toEqual(value);
  }
}

const keyArbitrary = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 60 }).map((n) => bytesOf(`key-${n}`)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 }).map((n) => new Uint8Array(86).fill(n)) },
);
const valueArbitrary = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 500 }).map((n) => new Uint8Array(n).fill(7)) },
);
const changeArbitrary: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('put', 'merge', 'merge', 'delete'),
  table: fc.constantFrom(1, 3, 3, 7),
  key: keyArbitrary,
  value: valueArbitrary,
});

type Step =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'burst'; readonly first: number; readonly count: number }
  | { readonly kind: 'range'; readonly from: Uint8Array; readonly to: Uint8Array; limit: number }
  | { readonly kind: 'slice'; readonly blocks: number }
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'crash'; readonly whole: boolean };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: changeArbitrary.map((change): Step => ({ kind: 'change', change })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('burst' as const),
      first: fc.integer({ min: 0, max: 100 }),
      count: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('range' as const),
      from: keyArbitrary,
      to: keyArbitrary,
      limit: fc.integer({ min: 0, max: 12 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('slice' as const),
      blocks: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 6, arbitrary: fc.constant<Step>({ kind: 'checkpoint' }) },
  {
    weight: 1,
    arbitrary: fc.boolean().map((whole): Step => ({ kind: 'crash', whole })),
  },
);

function burst(first: number, count: number): Change[] {
  return Array.from({ length: count }, (_, n) => ({
    kind: n % 5 === 4 ? ('delete' as const) : ('merge' as const),
    table: 1 + (n & 2),
    key: bytesOf(`key-${first + n}`),
    value: new Uint8Array(20).fill(n),
  }));
}

/** Drives a forest through the phases of checkpoints beside a model of its tables. */
class Lockstep {
  readonly host: LeveledHost;
  model: Model = modelNew();
  private frozen: Model | null = null;
  private durable: Model = modelNew();
  private root: Uint8Array;

  constructor(cacheBlocks: number) {
    this.host = new LeveledHost(leveledForest({ cacheBlocks }));
    this.root = this.host.forest.root;
  }

  run(step: Step): void {
    const { host } = this;
    switch (step.kind) {
      case 'change':
        this.change(step.change);
        return;
      case 'burst':
        for (const change of burst(step.first, step.count)) this.change(change);
        return;
      case 'range': {
        const expected = modelRange(this.model, 3)
          .filter(({ key }) => compareBytes(key, step.from) >= 0 && compareBytes(key, step.to) < 0)
          .slice(0, step.limit);
        expect(host.range(3, step.from, step.to, step.limit)).toEqual(expected);
        return;
      }
      case 'slice':
        this.advance(step.blocks);
        return;
      case 'checkpoint':
        do this.advance(100);
        while (this.frozen !== null);
        return;
      case 'crash':
        host.restore(this.root, step.whole);
        this.model = modelCopy(this.durable);
        this.frozen = null;
        expect(host.forest.root).toEqual(this.root);
        expectEqual(host, this.model);
    }
  }

  private change(change: Change): void {
    apply(this.host.forest, change);
    modelApply(this.model, change);
    const { table, key } = change;
    const expected = this.model.get(table)?.get(keyText(key)) ?? null;
    expect(this.host.get(table, key)).toEqual(expected);
  }

  private advance(blocks: number): void {
    const { host } = this;
    const { forest, disk } = host;
    if (this.frozen === null) {
      forest.freeze();
      this.frozen = modelCopy(this.model);
    } else if (!forest.checkpointSerialised) {
      const before = disk.copy();
      host.slice(blocks * BLOCK_SIZE);
      for (const [address, bytes] of disk.blocks) {
        if (before.blocks.get(address) === bytes) continue;
        expect(forest.tree.used.uses(address)).toBe(false);
      }
    } else {
      this.root = forest.checkpointRoot();
      forest.checkpointDurable();
      expect(forest.root).toEqual(this.root);
      this.durable = this.frozen;
      this.frozen = null;
      expectAccounted(host);
    }
  }
}

describe('leveled forest', () => {
  // Any interleaving of operations with the phases of checkpoints and their merges, with a cache of
  // any size and with crashes that leave a half-written checkpoint, reads like a sorted map; and
  // every block of the disk is accounted for.
  it('reads like a sorted map through checkpoints, merges and crashes', () => {
    fc.assert(
      fc.property(
        fc.array(stepArbitrary, { maxLength: 160 }),
        fc.integer({ min: 1, max: 40 }),
        (steps, cacheBlocks) => {
          const lockstep = new Lockstep(cacheBlocks);
          for (const step of steps) lockstep.run(step);
          expectEqual(lockstep.host, lockstep.model);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('writes the same bytes to the same places whatever the slices, caches and restores', () => {
    const interval = fc.record({
      changes: fc.array(changeArbitrary, { maxLength: 40 }),
      bursts: fc.array(
        fc.record({
          first: fc.integer({ min: 0, max: 100 }),
          count: fc.integer({ min: 1, max: 60 }),
        }),
        { maxLength: 2 },
      ),
      budget: fc.integer({ min: 1, max: 20 }),
      /** Changes of the next interval that the second forest makes before this one is durable. */
      early: fc.integer({ min: 0, max: 60 }),
      restart: fc.constantFrom('no', 'no', 'whole', 'metadata'),
    });
    fc.assert(
      fc.property(fc.array(interval, { minLength: 1, maxLength: 40 }), (intervals) => {
        const first = new LeveledHost(leveledForest({ cacheBlocks: 200 }));
        const other = new LeveledHost(leveledForest({ cacheBlocks: 3 }));
        const changesOf = (index: number): Change[] => {
          const drawn = intervals[index];
          if (drawn === undefined) return [];
          return [...drawn.changes, ...drawn.bursts.flatMap((b) => burst(b.first, b.count))];
        };
        let done = 0;
        for (const [index, { budget, early, restart }] of intervals.entries()) {
          for (const change of changesOf(index)) apply(first.forest, change);
          first.checkpoint();

          for (const change of changesOf(index).slice(done)) apply(other.forest, change);
          other.forest.freeze();
          const following = changesOf(index + 1);
          done = 0;
          while (!other.forest.checkpointSerialised) {
            other.slice(budget * BLOCK_SIZE);
            const next = following[done];
            if (next !== undefined && done < early) {
              apply(other.forest, next);
              done += 1;
            }
          }
          expect(other.forest.checkpointRoot()).toEqual(first.forest.root);
          other.forest.checkpointDurable();
          if (restart !== 'no') {
            other.restore(first.forest.root, restart === 'whole');
            done = 0;
          }
          expect(other.disk.blocks).toEqual(first.disk.blocks);
          expect(other.forest.tree).toEqual(first.forest.tree);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a block that a reader waits for, when the next checkpoint is durable', () => {
  const KEY = bytesOf('long');
  /** Longer than a page takes: it has blocks of its own, which merges neither read nor move. */
  const LONG = new Uint8Array(400).fill(1);

  /** A reader that has looked for the value, so often that what it misses now is part of it. */
  function waitingReader(): {
    readonly host: LeveledHost;
    readonly hold: BlockHold;
    readonly reference: BlockReference;
  } {
    const writer = new LeveledHost(leveledForest());
    writer.forest.table(1).put(KEY, LONG);
    writer.checkpoint();
    for (let looks = 1; ; looks += 1) {
      const host = new LeveledHost(leveledForest(), writer.disk.copy());
      host.restore(writer.forest.root, false);
      const hold = host.forest.hold({ privileged: true });
      const look = (): Uint8Array | null | 'wanted' =>
        host.forest.holding(hold, () => host.forest.table(1).lookup(KEY));
      for (let before = 1; before < looks; before += 1) {
        expect(look()).toBe('wanted');
        host.provide(100);
      }
      expect(look()).toBe('wanted');
      const wanted = host.forest.takeWanted(100);
      for (const reference of wanted.slice(1)) {
        host.forest.provide(reference, host.disk.read(reference));
      }
      const reference = present(wanted[0]);
      const isOfValue = host.disk.read(reference).filter((byte) => byte === 1).length > 100;
      if (isOfValue) return { host, hold, reference };
    }
  }

  it('is wanted no more, and the reader looks again: it may soon be nowhere', () => {
    const { host, hold, reference } = waitingReader();
    const { forest } = host;
    const version = forest.demandVersion;
    forest.table(1).put(KEY, LONG.slice().fill(2));
    for (let round = 0; forest.tree.used.uses(reference.address); round += 1) {
      expect(round).toBeLessThan(50);
      forest.table(1).put(bytesOf(`other ${round}`), Uint8Array.of(round));
      host.checkpoint();
    }
    expect(forest.demandVersion).toBeGreaterThan(version);
    expect(forest.wants(reference)).toBe(false);
    // What the disk gives there by now is no sign of rot, and nobody is asked for what it was.
    expect(forest.provide(reference, null)).toBe('unwanted');
    forest.release(hold);
    expect(host.get(1, KEY)).toEqual(LONG.slice().fill(2));
  });
});
