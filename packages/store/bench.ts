/**
 * Measures the store alone: `node --conditions=@kimberlite/source packages/store/bench.ts [keys]`.
 * Prints ns per operation, the longest single step of each kind, and bytes written per byte put.
 */
import { hash } from 'node:crypto';
import { type ChecksumFunction, checksumOfDigest, Forest } from '@kimberlite/store';

const KEYS = Number(process.argv[2] ?? 100_000);
const VALUE_SIZE = 256;
const PUTS_PER_CHECKPOINT = 50_000;
const ROUNDS = 12;
const BUDGET = 256 * 1024;

const checksum: ChecksumFunction = {
  name: 'sha256-128',
  hash: (bytes) => checksumOfDigest(hash('sha256', bytes, 'buffer')),
};

let state = 12345;
function draw(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * limit);
}

const keys = Array.from({ length: KEYS }, (_, n) => Buffer.from(`bench/key-${n * 7919 + 1e9}`));
const value = new Uint8Array(VALUE_SIZE).fill(7);

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function report(name: string, millis: number, operations: number): void {
  console.log(`${name.padEnd(34)} ${((millis * 1e6) / operations).toFixed(0).padStart(8)} ns`);
}

const options = { checksum, blockSize: 16 * 1024, tables: [{ id: 16, name: 'b', combine: null }] };
const forest = new Forest(options);
const table = forest.table(16);
const disk = new Map<number, Uint8Array>();
const longest = { freeze: 0, write: 0, fold: 0, durable: 0 };

function checkpoint(): { millis: number; written: number; folded: number } {
  let written = 0;
  let millis = timed(() => forest.freeze());
  longest.freeze = Math.max(longest.freeze, millis);
  while (!forest.checkpointSerialised) {
    const step = timed(() => {
      for (const { address, bytes } of forest.nextWrites(BUDGET)) {
        written += bytes.length;
        for (let at = 0; at < bytes.length; at += 16384) {
          disk.set(address + at / 16384, bytes.subarray(at, at + 16384));
        }
      }
    });
    longest.write = Math.max(longest.write, step);
    millis += step;
  }
  longest.durable = Math.max(
    longest.durable,
    timed(() => forest.checkpointDurable()),
  );
  let folded = 0;
  for (let more = true; more; ) {
    const step = timed(() => {
      more = forest.foldStep(500);
    });
    longest.fold = Math.max(longest.fold, step);
    folded += step;
  }
  return { millis, written, folded };
}

console.log(`${KEYS} keys, ${VALUE_SIZE} bytes a value`);
report(
  'put, new keys',
  timed(() => keys.forEach((key) => table.put(key, value))),
  KEYS,
);
checkpoint();
report(
  'put, after a freeze',
  timed(() => keys.forEach((key) => table.put(key, value))),
  KEYS,
);
report(
  'put, again',
  timed(() => keys.forEach((key) => table.put(key, value))),
  KEYS,
);
checkpoint();

let written = 0;
let put = 0;
let putMillis = 0;
let writeMillis = 0;
let foldMillis = 0;
for (let round = 0; round < ROUNDS; round += 1) {
  putMillis += timed(() => {
    for (let n = 0; n < PUTS_PER_CHECKPOINT; n += 1) {
      const key = keys[draw(KEYS)];
      if (key === undefined) continue;
      table.put(key, value);
      put += key.length + VALUE_SIZE;
    }
  });
  const result = checkpoint();
  written += result.written;
  writeMillis += result.millis;
  foldMillis += result.folded;
}
report('put, random, with checkpoints', putMillis, ROUNDS * PUTS_PER_CHECKPOINT);
report('  and its part of serialising', writeMillis, ROUNDS * PUTS_PER_CHECKPOINT);
report('  and its part of folding', foldMillis, ROUNDS * PUTS_PER_CHECKPOINT);
let found = 0;
const getMillis = timed(() => {
  for (let n = 0; n < 500_000; n += 1) {
    const key = keys[draw(KEYS)];
    if (key !== undefined && table.get(key) !== null) found += 1;
  }
});
report('get, random', getMillis, found);
let entries = 0;
const rangeMillis = timed(() => {
  for (let n = 0; n < 5_000; n += 1) {
    const key = keys[draw(KEYS)];
    if (key !== undefined) entries += table.range(key, null, 100).length;
  }
});
report('range of 100, an entry', rangeMillis, entries);
console.log(`bytes written per byte put         ${(written / put).toFixed(2).padStart(8)}`);
for (const [step, millis] of Object.entries(longest)) {
  console.log(`longest ${step.padEnd(26)} ${millis.toFixed(2).padStart(8)} ms`);
}
const fresh = new Forest(options);
const restoreMillis = timed(() => {
  fresh.beginRestore(forest.root);
  while (!fresh.restored) {
    for (const reference of fresh.takeWanted(8)) {
      fresh.provide(reference, disk.get(reference.address) ?? new Uint8Array(0));
    }
  }
});
report('restore, a key', restoreMillis, fresh.table(16).count);
console.log(
  `heap ${(process.memoryUsage().heapUsed / 1e6).toFixed(0)} MB, array buffers of all ` +
    `(disk and two forests) ${(process.memoryUsage().arrayBuffers / 1e6).toFixed(0)} MB`,
);
