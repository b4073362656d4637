import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes } from './bytes.ts';
import { Forest } from './forest.ts';
import { mix128 } from './std/checksum.ts';
import { BlockDisk, checkpoint, restore } from './testing/block-disk.ts';
import {
  applyChange,
  bytesOf,
  type Change,
  countAndAppend,
  fillingChanges,
  TEST_TABLES,
} from './testing/operations.ts';

const BLOCK_SIZE = 256;

function forestNew(blockSize = BLOCK_SIZE): Forest {
  return new Forest({ checksum: mix128, blockSize, tables: TEST_TABLES });
}

type Model = Map<number, Map<string, Uint8Array>>;

function modelNew(): Model {
  return new Map(TEST_TABLES.map(({ id }) => [id, new Map<string, Uint8Array>()]));
}

function modelCopy(model: Model): Model {
  return new Map([...model].map(([id, table]) => [id, new Map(table)]));
}

function keyText(key: Uint8Array): string {
  return String.fromCharCode(...key);
}

function modelApply(model: Model, change: Change): void {
  const table = model.get(change.table) ?? new Map<string, Uint8Array>();
  const key = keyText(change.key);
  if (change.kind === 'delete') table.delete(key);
  else if (change.kind === 'merge' && change.table === 3) {
    table.set(key, countAndAppend(table.get(key) ?? null, change.value));
  } else table.set(key, change.value.slice());
}

function modelRange(model: Model, table: number): { key: Uint8Array; value: Uint8Array }[] {
  return [...(model.get(table) ?? [])]
    .map(([key, value]) => ({ key: bytesOf(key), value }))
    .sort((first, other) => compareBytes(first.key, other.key));
}

function expectEqual(forest: Forest, model: Model): void {
  for (const { id } of TEST_TABLES) {
    const table = forest.table(id);
    const expected = modelRange(model, id);
    expect(table.range(new Uint8Array(0), null, Number.MAX_SAFE_INTEGER)).toEqual(expected);
    expect(table.count).toBe(expected.length);
    for (const { key, value } of expected) expect(table.get(key)).toEqual(value);
  }
}

const keyArbitrary = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 24 }).map((n) => bytesOf(`key-${n}`)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 }).map((n) => new Uint8Array(300).fill(n)) },
);
const valueArbitrary = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 1500 }).map((n) => new Uint8Array(n).fill(7)) },
);
const changeArbitrary: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('put', 'put', 'merge', 'merge', 'delete'),
  table: fc.constantFrom(1, 3, 3, 7),
  key: keyArbitrary,
  value: valueArbitrary,
});

type Step =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'range'; readonly from: Uint8Array; readonly to: Uint8Array; limit: number }
  | { readonly kind: 'advance'; readonly amount: number }
  | { readonly kind: 'crash' };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: changeArbitrary.map((change): Step => ({ kind: 'change', change })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('range' as const),
      from: keyArbitrary,
      to: keyArbitrary,
      limit: fc.integer({ min: 0, max: 12 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      amount: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'crash' }) },
);

/** Drives a forest through the phases of checkpoints beside a model of its tables. */
class Lockstep {
  readonly forest: Forest = forestNew();
  readonly disk: BlockDisk = new BlockDisk(BLOCK_SIZE);
  model: Model = modelNew();
  private frozen: Model | null = null;
  private durable: Model = modelNew();
  private root: Uint8Array = this.forest.root;

  run(step: Step): void {
    if (step.kind === 'change') {
      applyChange(this.forest, step.change);
      modelApply(this.model, step.change);
      const { table, key } = step.change;
      const expected = this.model.get(table)?.get(keyText(key)) ?? null;
      expect(this.forest.table(table).get(key)).toEqual(expected);
    } else if (step.kind === 'range') {
      const expected = modelRange(this.model, 3)
        .filter(({ key }) => compareBytes(key, step.from) >= 0 && compareBytes(key, step.to) < 0)
        .slice(0, step.limit);
      expect(this.forest.table(3).range(step.from, step.to, step.limit)).toEqual(expected);
    } else if (step.kind === 'advance') {
      this.advance(step.amount);
    } else {
      restore(this.forest, this.root, this.disk);
      this.model = modelCopy(this.durable);
      this.frozen = null;
      expectEqual(this.forest, this.model);
      expect(this.forest.root).toEqual(this.root);
    }
  }

  private advance(amount: number): void {
    const { forest } = this;
    if (forest.folding) {
      forest.foldStep(amount);
    } else if (this.frozen === null) {
      forest.freeze();
      this.frozen = modelCopy(this.model);
    } else if (!forest.checkpointSerialised) {
      const held = new Set(forest.references().map((reference) => reference.address));
      const writes = forest.nextWrites(amount * BLOCK_SIZE);
      expect(writes.length).toBeGreaterThan(0);
      for (const write of writes) {
        const count = write.bytes.length / BLOCK_SIZE;
        expect(count).toBeLessThanOrEqual(amount);
        for (let at = 0; at < count; at += 1) expect(held.has(write.address + at)).toBe(false);
        this.disk.write(write);
      }
    } else {
      this.root = forest.checkpointRoot();
      forest.checkpointDurable();
      expect(forest.root).toEqual(this.root);
      this.durable = this.frozen;
      this.frozen = null;
    }
  }
}

describe('forest', () => {
  // Any interleaving of operations with the phases of checkpoints, and with crashes that leave a
  // half-written checkpoint on the disk, reads like a sorted map.
  it('reads like a sorted map through checkpoints and crashes', () => {
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 150 }), fc.boolean(), (steps, filled) => {
        const lockstep = new Lockstep();
        for (const change of fillingChanges(filled ? 60 : 0)) {
          lockstep.run({ kind: 'change', change });
        }
        for (const step of steps) lockstep.run(step);
        expectEqual(lockstep.forest, lockstep.model);
      }),
      { numRuns: 150 },
    );
  });

  it('writes the same bytes to the same places whatever the slices and restores', () => {
    const interval = fc.record({
      changes: fc.array(changeArbitrary, { maxLength: 60 }),
      budget: fc.integer({ min: 1, max: 20 }),
      fold: fc.integer({ min: 1, max: 50 }),
      /** Changes of the next interval that the second forest makes before this one is durable. */
      early: fc.integer({ min: 0, max: 60 }),
      restart: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(interval, { minLength: 1, maxLength: 24 }),
        fc.boolean(),
        (drawn, filled) => {
          const fill = { budget: 3, fold: 5, early: 3, restart: filled };
          const intervals = [{ changes: fillingChanges(filled ? 120 : 0), ...fill }, ...drawn];
          const first = forestNew();
          const firstDisk = new BlockDisk(BLOCK_SIZE);
          const other = forestNew();
          const otherDisk = new BlockDisk(BLOCK_SIZE);
          let done = 0;
          for (const [index, { changes, budget, fold, early, restart }] of intervals.entries()) {
            for (const change of changes) applyChange(first, change);
            const root = checkpoint(first, firstDisk, 1 << 20);

            for (const change of changes.slice(done)) applyChange(other, change);
            other.freeze();
            const following = intervals[index + 1]?.changes ?? [];
            done = 0;
            while (!other.checkpointSerialised) {
              for (const write of other.nextWrites(budget * BLOCK_SIZE)) otherDisk.write(write);
              const next = following[done];
              if (next !== undefined && done < early) {
                applyChange(other, next);
                done += 1;
              }
            }
            expect(other.checkpointRoot()).toEqual(root);
            other.checkpointDurable();
            other.foldStep(fold);
            if (restart) {
              restore(other, root, otherDisk);
              done = 0;
            } else {
              for (const change of following.slice(done)) {
                applyChange(other, change);
                done += 1;
                other.foldStep(fold);
              }
              while (other.foldStep(fold));
            }
            expect(otherDisk.blocks).toEqual(firstDisk.blocks);
            expect(other.references()).toEqual(first.references());
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('begins again after a crash in the middle and writes the same blocks', () => {
    const forest = forestNew();
    const disk = new BlockDisk(BLOCK_SIZE);
    for (let n = 0; n < 40; n += 1) forest.table(1).put(bytesOf(`k${n}`), bytesOf(`value ${n}`));
    const root = checkpoint(forest, disk, 512);
    const change = (): void => {
      for (let n = 0; n < 300; n += 1) forest.table(1).put(bytesOf(`k${n}`), bytesOf(`new ${n}`));
    };
    change();
    forest.freeze();
    for (const write of forest.nextWrites(10 * BLOCK_SIZE)) disk.write(write);
    const half = disk.copy();

    restore(forest, root, half);
    expect(forest.table(1).get(bytesOf('k3'))).toEqual(bytesOf('value 3'));
    expect(forest.table(1).count).toBe(40);
    change();
    const whole = half.copy();
    const again = checkpoint(forest, whole, 3 * BLOCK_SIZE);
    for (const [address, bytes] of half.blocks) expect(whole.blocks.get(address)).toEqual(bytes);
    const fresh = forestNew();
    restore(fresh, again, whole);
    expect(fresh.table(1).count).toBe(300);
    expect(fresh.table(1).get(bytesOf('k3'))).toEqual(bytesOf('new 3'));
  });

  it('takes the lowest addresses that the durable tree does not use', () => {
    const forest = forestNew();
    const disk = new BlockDisk(BLOCK_SIZE);
    for (let round = 0; round < 60; round += 1) {
      for (let n = 0; n < 20; n += 1) {
        const key = bytesOf(`${(round * 7 + n * 13) % 101}`);
        forest.table(1).put(key, new Uint8Array((round * n) % 90));
      }
      const durable = new Set(forest.references().map(({ address }) => address));
      const taken: number[] = [];
      forest.freeze();
      while (!forest.checkpointSerialised) {
        for (const write of forest.nextWrites(4 * BLOCK_SIZE)) {
          disk.write(write);
          for (let at = 0; at * BLOCK_SIZE < write.bytes.length; at += 1) {
            taken.push(write.address + at);
          }
        }
      }
      forest.checkpointDurable();
      while (forest.foldStep(100));
      const lowest: number[] = [];
      for (let address = 1; lowest.length < taken.length; address += 1) {
        if (!durable.has(address)) lowest.push(address);
      }
      expect(taken).toEqual(lowest);
    }
    // The state is about 20 blocks; space of what was replaced is used again.
    const addresses = forest.references().map(({ address }) => address);
    expect(Math.max(...addresses)).toBeLessThan(120);
  });

  it('joins neighbouring blocks up to the budget', () => {
    const forest = forestNew();
    for (let n = 0; n < 100; n += 1) forest.table(1).put(bytesOf(`k${n}`), new Uint8Array(100));
    forest.freeze();
    const writes = forest.nextWrites(8 * BLOCK_SIZE + 17);
    expect(writes.map(({ address, bytes }) => [address, bytes.length])).toEqual([
      [1, 8 * BLOCK_SIZE],
    ]);
    expect(forest.nextWrites(1).map(({ address, bytes }) => [address, bytes.length])).toEqual([
      [9, BLOCK_SIZE],
    ]);
  });

  it('names the empty state by a root of zeros', () => {
    const forest = forestNew();
    const disk = new BlockDisk(BLOCK_SIZE);
    expect(checkpoint(forest, disk, 1024)).toEqual(new Uint8Array(64));
    expect(disk.blocks.size).toBe(0);
    forest.table(1).put(bytesOf('a'), bytesOf('b'));
    expect(checkpoint(forest, disk, 1024)).not.toEqual(new Uint8Array(64));
    forest.table(1).delete(bytesOf('a'));
    expect(checkpoint(forest, disk, 1024)).toEqual(new Uint8Array(64));
    expect(forest.references()).toEqual([]);
    forest.table(1).put(bytesOf('a'), bytesOf('b'));
    forest.beginRestore(new Uint8Array(64));
    expect(forest.restored).toBe(true);
    expect(forest.table(1).get(bytesOf('a'))).toBe(null);
  });

  it('adds small runs to a large table and replaces them all in the end', () => {
    const forest = forestNew(1024);
    const disk = new BlockDisk(1024);
    for (let n = 0; n < 2000; n += 1) forest.table(1).put(bytesOf(`k${n}`), new Uint8Array(50));
    checkpoint(forest, disk, 1 << 20);
    const written: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      forest.table(1).put(bytesOf(`k${round}`), bytesOf(`round ${round}`));
      forest.freeze();
      let blocks = 0;
      while (!forest.checkpointSerialised) {
        for (const write of forest.nextWrites(1 << 20)) {
          blocks += write.bytes.length / 1024;
          disk.write(write);
        }
      }
      forest.checkpointDurable();
      while (forest.foldStep(100));
      written.push(blocks);
    }
    const large = written.filter((blocks) => blocks > 50);
    expect(large.length).toBe(1);
    expect(written.indexOf(large[0] ?? 0)).toBe(16);
    const fresh = forestNew(1024);
    restore(fresh, forest.root, disk);
    expect(fresh.table(1).get(bytesOf('k19'))).toEqual(bytesOf('round 19'));
    expect(fresh.table(1).count).toBe(2000);
  });

  it('writes nothing of a key that comes and goes between two checkpoints', () => {
    const forest = forestNew();
    const disk = new BlockDisk(BLOCK_SIZE);
    for (let n = 0; n < 50; n += 1) forest.table(1).put(bytesOf(`k${n}`), new Uint8Array(50));
    checkpoint(forest, disk, 1 << 20);
    const blockCount = forest.references().length;
    forest.table(1).put(bytesOf('new'), bytesOf('value'));
    forest.table(1).delete(bytesOf('new'));
    forest.table(1).delete(bytesOf('never there'));
    forest.table(3).merge(bytesOf('new'), bytesOf('value'));
    forest.table(3).delete(bytesOf('new'));
    checkpoint(forest, disk, 1 << 20);
    expect(forest.references().length).toBe(blockCount);
    expect(forest.table(1).count).toBe(50);
    forest.table(1).delete(bytesOf('k7'));
    checkpoint(forest, disk, 1 << 20);
    expect(forest.table(1).get(bytesOf('k7'))).toBe(null);
    expect(forest.table(1).count).toBe(49);
  });

  it('keeps values that span many blocks', () => {
    const forest = forestNew();
    const disk = new BlockDisk(BLOCK_SIZE);
    const value = Uint8Array.from({ length: 64 * 1024 + 77 }, (_, at) => at * 31);
    forest.table(1).put(bytesOf('large'), value);
    forest.table(1).put(new Uint8Array(0), new Uint8Array(0));
    const root = checkpoint(forest, disk, 5 * BLOCK_SIZE);
    const fresh = forestNew();
    restore(fresh, root, disk, 7);
    expect(fresh.table(1).get(bytesOf('large'))).toEqual(value);
    expect(fresh.table(1).get(new Uint8Array(0))).toEqual(new Uint8Array(0));
  });

  it('copies what it is given and never changes what it has handed out', () => {
    const forest = forestNew();
    const key = bytesOf('key');
    const value = bytesOf('one');
    forest.table(1).put(key, value);
    key.fill(0);
    value.fill(0);
    const seen = forest.table(1).get(bytesOf('key'));
    expect(seen).toEqual(bytesOf('one'));
    for (let n = 0; n < 2000; n += 1) forest.table(1).put(bytesOf('key'), new Uint8Array(1000));
    checkpoint(forest, new BlockDisk(BLOCK_SIZE), 1 << 20);
    expect(seen).toEqual(bytesOf('one'));
  });

  it('refuses to be used out of turn', () => {
    const forest = forestNew();
    expect(() => forest.nextWrites(1024)).toThrow('a checkpoint is running');
    forest.table(1).put(bytesOf('a'), bytesOf('b'));
    forest.freeze();
    expect(() => forest.freeze()).toThrow('one checkpoint at a time');
    expect(() => forest.checkpointRoot()).toThrow('serialised');
    while (!forest.checkpointSerialised) forest.nextWrites(1024);
    forest.checkpointDurable();
    expect(() => forest.freeze()).toThrow('folded before the next');
    const { root } = forest;
    forest.beginRestore(root);
    expect(() => forest.table(1).get(bytesOf('a'))).toThrow('while it is restored');
    expect(() => forest.freeze()).toThrow('during a restore');
  });
});
