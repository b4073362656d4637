/**
 * Measures the store alone: `node --conditions=@kimberlite/source bench/store.ts [--keys N]`.
 *
 * Keys of 16 bytes, values of 32; written in ascending and in random order, with a checkpoint after
 * each interval, then read. Blocks go to a file in a temporary directory, written and read through
 * the page cache: this is the cost of the store, not of a disk. Costs are in microseconds of CPU an
 * operation; "written" is bytes of blocks per byte of keys and values put; slices are those of the
 * checkpoints, by the clock, without what reads and writes take.
 */
import { hash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type ChecksumFunction,
  checksumOfDigest,
  Forest,
  type LeveledTable,
} from '@kimberlite/store';
import { quantile, Samples } from './lib/statistics.ts';

const BLOCK_SIZE = 16 * 1024;
const KEY_SIZE = 16;
const VALUE_SIZE = 32;
const TABLE = 16;
/** Bytes of writes that one slice of a checkpoint hands out: as a replica asks for. */
const SLICE = 32 * 1024;

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    /** Puts between two checkpoints: 640 ops of 100 requests. */
    interval: { type: 'string', default: '64000' },
    /** MiB of blocks in memory. */
    cache: { type: 'string', default: '128' },
  },
});
const keys = Number(values.keys);
const interval = Number(values.interval);

const checksum: ChecksumFunction = {
  name: 'sha256-128',
  hash: (bytes) => checksumOfDigest(hash('sha256', bytes, 'buffer')),
};

/** A forest over a file, that reads what is wanted at once. */
class Bench {
  readonly table: LeveledTable;
  written = 0;
  reads = 0;
  readonly slices: Samples = new Samples();
  private readonly forest: Forest;
  private readonly file: number;
  private readonly buffer = new Uint8Array(BLOCK_SIZE);

  constructor(path: string) {
    this.file = openSync(path, 'w+');
    this.forest = new Forest({
      checksum,
      blockSize: BLOCK_SIZE,
      cacheSize: Number(values.cache) * 1024 * 1024,
      tables: [{ id: TABLE, name: 'bench', combine: null }],
    });
    this.table = this.forest.table(TABLE);
  }

  read<T>(look: () => T | 'wanted'): T {
    const hold = this.forest.hold({ privileged: true });
    for (;;) {
      const found = this.forest.holding(hold, look);
      if (found !== 'wanted') {
        this.forest.release(hold);
        return found;
      }
      this.provide();
    }
  }

  checkpoint(): void {
    const { forest } = this;
    this.slice(() => forest.freeze());
    while (!forest.checkpointSerialised) {
      for (const { address, bytes } of this.slice(() => forest.nextWrites(SLICE))) {
        writeSync(this.file, bytes, 0, bytes.length, (address - 1) * BLOCK_SIZE);
        this.written += bytes.length;
      }
      if (forest.checkpointBlocked) this.provide();
    }
    this.slice(() => forest.checkpointDurable());
  }

  /** Runs and blocks of the table, and MB in use. */
  shape(): string {
    const { tables, used } = this.forest.tree;
    const levels = tables[0]?.levels ?? [];
    const runs = levels.map((level) => level.runs.length + (level.merge?.inputs.length ?? 0));
    return `runs by level ${runs.join(' ')}, ${((used.used * BLOCK_SIZE) / 1e6).toFixed(0)} MB in use`;
  }

  close(): void {
    closeSync(this.file);
  }

  private provide(): void {
    for (const reference of this.forest.takeWanted(64)) {
      readSync(this.file, this.buffer, 0, BLOCK_SIZE, (reference.address - 1) * BLOCK_SIZE);
      if (this.forest.provide(reference, this.buffer) !== 'accepted') throw new Error('bad block');
      this.reads += 1;
    }
  }

  private slice<T>(work: () => T): T {
    const start = performance.now();
    const result = work();
    this.slices.add(performance.now() - start);
    return result;
  }
}

let state = 12345;
function draw(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * limit);
}

/** Ascending: the number itself, big-endian, behind a prefix. Random: any of them. */
function keyOf(bytes: Uint8Array, n: number): Uint8Array {
  const view = new DataView(bytes.buffer);
  view.setUint32(8, Math.floor(n / 4294967296));
  view.setUint32(12, n >>> 0);
  return bytes;
}

function report(name: string, millis: number, operations: number, more = ''): void {
  const cost = ((millis * 1e3) / operations).toFixed(2);
  console.log(`  ${name.padEnd(24)} ${cost.padStart(8)} us${more === '' ? '' : `  ${more}`}`);
}

/** Milliseconds of CPU, so that other programs on the machine change little. */
function timed(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function measure(order: 'ascending' | 'random', path: string): void {
  const bench = new Bench(path);
  const key = new Uint8Array(KEY_SIZE);
  const value = new Uint8Array(VALUE_SIZE).fill(7);
  console.log(`${order}, ${keys} keys, a checkpoint after ${interval} puts`);
  let puts = 0;
  const putMillis = timed(() => {
    for (let n = 0; n < keys; n += 1) {
      bench.table.put(keyOf(key, order === 'ascending' ? n : draw(keys)), value);
      puts += 1;
      if (puts % interval === 0) bench.checkpoint();
    }
  });
  const amplification = bench.written / (puts * (KEY_SIZE + VALUE_SIZE));
  report('put, checkpoints too', putMillis, puts, `written ${amplification.toFixed(2)}`);
  const slices = bench.slices.sorted();
  const [middle, most, longest] = [0.5, 0.99, 1].map((share) => quantile(slices, share).toFixed(2));
  console.log(`  ${bench.shape()}; slices p50 ${middle}, p99 ${most}, longest ${longest} ms`);
  const gets = Math.min(keys, 200_000);
  for (const [name, offset] of [
    ['get', 0],
    ['get, not there', 4294967296],
  ] as const) {
    const before = bench.reads;
    const millis = timed(() => {
      for (let n = 0; n < gets; n += 1) {
        keyOf(key, draw(keys) + offset);
        bench.read(() => bench.table.lookup(key));
      }
    });
    report(name, millis, gets, `${((bench.reads - before) / gets).toFixed(3)} blocks read`);
  }
  let entries = 0;
  const ranges = 2000;
  const rangeMillis = timed(() => {
    for (let n = 0; n < ranges; n += 1) {
      keyOf(key, draw(keys));
      entries += bench.read(() => bench.table.scan(key, null, 100)).length;
    }
  });
  report('range of 100, an entry', rangeMillis, entries);
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  console.log(`  heap ${megabytes(heapUsed)} MB, buffers ${megabytes(arrayBuffers)} MB`);
  bench.close();
}

const directory = mkdtempSync(join(tmpdir(), 'kimberlite-bench-store-'));
try {
  measure('ascending', join(directory, 'ascending'));
  measure('random', join(directory, 'random'));
} finally {
  rmSync(directory, { recursive: true });
}
