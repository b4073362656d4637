import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockDisk } from '../testing/block-disk.ts';
import type { Walk, Walked } from './table-walk.ts';
import { LeveledHost, leveledForest } from './testing/leveled-disk.ts';

const TABLE = 4;
const HEAD = 4;
const NO_BYTES = new Uint8Array(0);

/** The head of what is older, then the delta: as in a table of records with their counts. */
function combine(older: Uint8Array | null, delta: Uint8Array): Uint8Array {
  if (older === null) return delta;
  const value = delta.slice();
  value[0] = ((older[0] ?? 0) + (delta[0] ?? 0)) & 0xff;
  return value;
}

function newHost(disk: BlockDisk = new BlockDisk(256), cacheBlocks = 16): LeveledHost {
  const tables = [{ id: TABLE, name: 'walked', combine, headSize: HEAD }];
  return new LeveledHost(leveledForest({ tables, cacheBlocks }), disk);
}

function keyOf(number: number): Uint8Array {
  return Uint8Array.of(number >>> 8, number & 0xff);
}

function valueOf(size: number, fill: number): Uint8Array {
  return new Uint8Array(HEAD + size).fill(fill);
}

const ALL: Walk = { from: NO_BYTES, to: null, limit: 1000, lookMax: 1_000_000, room: null };

function walk(host: LeveledHost, asked: Walk): Walked {
  const table = host.forest.table(TABLE);
  return host.read(() => {
    const fetched = table.fetchWalk(asked, { exact: false, added: 0 });
    const walked = table.walk(asked);
    // What is fetched is never less than what is read.
    if (fetched) expect(walked).not.toBe('wanted');
    return walked;
  });
}

function after(key: Uint8Array): Uint8Array {
  return Uint8Array.of(...key, 0);
}

const change = fc.record({
  kind: fc.constantFrom('put', 'merge', 'delete', 'delete', 'checkpoint'),
  key: fc.nat({ max: 40 }),
  size: fc.constantFrom(0, 10, 300),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function apply(host: LeveledHost, { kind, key, size }: Change, fill: number): void {
  const table = host.forest.table(TABLE);
  if (kind === 'put') table.put(keyOf(key), valueOf(size, fill));
  else if (kind === 'merge') table.merge(keyOf(key), valueOf(size, fill));
  else if (kind === 'delete') table.delete(keyOf(key));
}

describe('a walk', () => {
  it('finds in pieces what a scan finds, whatever it may look at and has room for', () => {
    const asked = fc.record({
      limit: fc.integer({ min: 1, max: 8 }),
      lookMax: fc.integer({ min: 1, max: 12 }),
      bytes: fc.constantFrom(null, 40, 400, 2000),
      headsOnly: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120 }), asked, (changes, bounds) => {
        const host = newHost();
        changes.forEach((each, at) => {
          if (each.kind === 'checkpoint') host.checkpoint();
          else apply(host, each, at & 0x7f);
        });
        const { bytes, headsOnly, ...rest } = bounds;
        const room = bytes === null ? null : { bytes, perRow: 2, headsOnly };
        const expected = host.range(TABLE, NO_BYTES, null, 1000);
        const found: { key: Uint8Array; size: number }[] = [];
        let from: Uint8Array | null = NO_BYTES;
        while (from !== null) {
          const { rows, stoppedAt }: Walked = walk(host, { ...rest, room, from, to: null });
          expect(rows.length).toBeLessThanOrEqual(bounds.limit);
          for (const { key, size, part } of rows) {
            const full = expected.find((entry) => entry.key[1] === key[1])?.value;
            expect(size).toBe(full?.length);
            const head = Math.min(part?.length ?? 0, full?.length ?? 0);
            expect(part?.subarray(0, HEAD)).toEqual(
              part === null ? undefined : full?.subarray(0, HEAD),
            );
            if (room === null) expect(head).toBe(full?.length);
            found.push({ key, size });
          }
          const last = rows.at(-1);
          // What there was no room for comes again; a row alone always gets further here.
          const isCut = last?.part === null && rows.length > 1;
          if (isCut) found.pop();
          if (stoppedAt !== null) from = after(stoppedAt);
          else if (isCut) from = last.key;
          else if (rows.length === bounds.limit && last !== undefined) from = after(last.key);
          else from = last?.part === null ? after(last.key) : null;
        }
        expect(found.map(({ key }) => key)).toEqual(expected.map(({ key }) => key));
      }),
      { numRuns: 80 },
    );
  });

  it('ends among deleted keys where it may look no further, and reads no more for it', () => {
    const disk = new BlockDisk(256);
    const writer = newHost(disk);
    const table = writer.forest.table(TABLE);
    for (let key = 0; key < 4000; key += 1) table.put(keyOf(key), valueOf(10, 1));
    writer.checkpoint();
    for (let key = 0; key < 3990; key += 1) table.delete(keyOf(key));
    writer.checkpoint();
    const reads = [10, 100, 1_000_000].map((lookMax) => {
      const host = newHost(disk);
      host.restore(writer.forest.root, false);
      const before = host.reads;
      const { rows, stoppedAt } = walk(host, { ...ALL, lookMax });
      expect(rows).toHaveLength(lookMax > 4000 ? 10 : 0);
      expect(stoppedAt).toEqual(lookMax > 4000 ? null : keyOf(lookMax - 1));
      return host.reads - before;
    });
    const [few = 0, more = 0, all = 0] = reads;
    expect(few).toBeLessThan(40);
    expect(more).toBeLessThan(100);
    expect(all).toBeGreaterThan(500);
  });

  it('reads only the values that it has room for, and of heads one block', () => {
    const disk = new BlockDisk(1024);
    const options = {
      blockSize: 1024,
      tables: [{ id: TABLE, name: 'long', combine, headSize: HEAD }],
    };
    const writer = new LeveledHost(leveledForest(options), disk);
    for (let key = 0; key < 40; key += 1) {
      writer.forest.table(TABLE).put(keyOf(key), valueOf(5000, key));
    }
    writer.checkpoint();
    const readsOf = (room: Walk['room']): number => {
      const host = new LeveledHost(leveledForest(options), disk);
      host.restore(writer.forest.root, false);
      const before = host.reads;
      walk(host, { ...ALL, limit: 40, room });
      return host.reads - before;
    };
    const pages = 12;
    // Each value lies in five blocks.
    expect(readsOf(null)).toBeGreaterThan(200);
    expect(readsOf({ bytes: 11_000, perRow: 0, headsOnly: false })).toBeLessThan(2 * 5 + pages);
    expect(readsOf({ bytes: 11_000, perRow: 0, headsOnly: true })).toBeLessThan(40 + pages);
  });
});

describe('an exact walk', () => {
  it('ends at one key on replicas that have a checkpoint and on such that write it', () => {
    let ended = 0;
    let undecided = 0;
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 40, maxLength: 160 }),
        fc.integer({ min: 1, max: 12 }),
        (changes, lookMax) => {
          const [early, late] = [newHost(), newHost()];
          let writing = false;
          const asked = { ...ALL, limit: 5, lookMax };
          changes.forEach((each, at) => {
            if (each.kind === 'checkpoint') {
              if (writing) finish(late);
              early.checkpoint();
              late.forest.freeze();
              writing = true;
            } else for (const host of [early, late]) apply(host, each, at & 0x7f);
            const table = late.forest.table(TABLE);
            const decided = late.read(() => {
              if (!table.fetchWalk(asked, { exact: false, added: 0 })) return 'wanted';
              return table.fetchWalk(asked, { exact: true, added: 0 });
            });
            if (decided) {
              const found = walk(early, asked);
              if (found.stoppedAt !== null) ended += 1;
              expect(walk(late, asked)).toEqual(found);
            } else undecided += 1;
          });
        },
      ),
      { numRuns: 60 },
    );
    expect(Math.min(ended, undecided)).toBeGreaterThan(20);
  });
});

/** What is left of the checkpoint in the making. */
function finish(host: LeveledHost): void {
  while (!host.forest.checkpointSerialised) host.slice(65_536);
  host.forest.checkpointDurable();
}
