import { type Io, runProgram } from '@kimberlite/cli';
import { Prng } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DISK_CONFIG, DISK_REPLICAS, DiskCluster } from '../support/disk-cluster.ts';
import {
  BURST_FLIPS,
  FLIP_ZONES,
  FlipRun,
  finderOf,
  flipByte,
  soundPlaces,
} from '../support/flip-run.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

/** Of each zone: single flips, and bursts. `npm run test:flips` takes 50 and 10: 1,000 flips. */
const SINGLES = Number(process.env['FLIP_SINGLES'] ?? 2);
const BURSTS = Number(process.env['FLIP_BURSTS'] ?? 1);
const SEED = BigInt(process.env['FLIP_SEED'] ?? 1);
const PUTS = DISK_CONFIG.walSlots + 8;
/** Blocks enough for flips to fall on. */
const VALUE_SIZE = 1500;
const PATIENCE_MILLIS = 60_000;
/** Few, so that reading the state means reading the disk. */
const CACHE_BLOCKS = 4;

vi.setConfig({
  testTimeout: 60_000 + FLIP_ZONES.length * (SINGLES + BURSTS) * 15_000,
  hookTimeout: 60_000,
});

let directory: ReturnType<typeof temporaryDirectory>;
let disks: DiskCluster;

beforeEach(async () => {
  directory = temporaryDirectory();
  disks = await DiskCluster.start(directory.path, {
    scrubTourSeconds: 1,
    blockCacheSize: CACHE_BLOCKS * DISK_CONFIG.blockSize,
  });
});
afterEach(async () => {
  await disks.cluster.stopAll();
  directory.remove();
});

/** The exit code of `inspect integrity`: 0 when a file is sound. */
function integrity(path: string): Promise<number> {
  const io: Io = {
    write: () => {},
    writeError: () => {},
    errorIsTerminal: false,
    readInput: () => Promise.resolve(new Uint8Array(0)),
    askLine: () => Promise.resolve(null),
    env: {},
  };
  return runProgram(['inspect', 'integrity', path], io);
}

describe('bytes that flip in the data file of one replica', () => {
  it('are found wherever they are in use, and mended from its peers', async () => {
    const prng = new Prng(SEED);
    await disks.write(3 * PUTS, VALUE_SIZE);
    const victim = prng.below(DISK_REPLICAS);
    const run = new FlipRun(disks, prng, victim);
    let turn = 0;
    for (const [rounds, flips] of [
      [SINGLES, 1],
      [BURSTS, BURST_FLIPS],
    ] as const) {
      for (let round = 0; round < rounds; round += 1) {
        for (const zone of FLIP_ZONES) {
          turn += 1;
          await run.flip(zone, flips, (turn + round) % 2 === 0 ? 'stopped' : 'running');
          // The log moves on under what comes next.
          if (turn % 7 === 0) await disks.write(5, VALUE_SIZE);
        }
      }
    }
    await disks.write(PUTS, VALUE_SIZE);
    await disks.healthy();
    const lost = await disks.lost();
    await disks.cluster.stopAll();
    console.log(JSON.stringify({ seed: String(SEED), victim, ...run.totals }));
    expect(run.totals.missed, `seed ${SEED}`).toEqual([]);
    expect(lost, `seed ${SEED}`).toEqual([]);
    expect(disks.cluster.fatal).toEqual([]);
    expect(disks.checkpoints()).toEqual(Array(DISK_REPLICAS).fill(disks.checkpoints()[0]));
    for (let slot = 0; slot < DISK_REPLICAS; slot += 1) {
      expect(await integrity(disks.cluster.path(slot))).toBe(0);
    }
    const { foundBy, flips } = run.totals;
    expect(flips).toBe(FLIP_ZONES.length * (SINGLES + BURSTS * BURST_FLIPS));
    expect(foundBy.scrub).toBeGreaterThan(0);
    expect(foundBy.start + foundBy.refused).toBeGreaterThan(0);
  });
});

describe('files that rot in another place each, while all three run', () => {
  it('heal each other: each block and each prepare stays whole on one disk alone', async () => {
    await disks.write(3 * PUTS, VALUE_SIZE);
    await disks.healthy();
    const slots = Array.from({ length: DISK_REPLICAS }, (_, slot) => slot);
    const paths = slots.map((slot) => disks.cluster.path(slot));
    const places = await Promise.all(paths.map((path) => soundPlaces(path)));
    disks.cluster.log.length = 0;
    // In one go: no replica gets to mend anything before all of it is rotten.
    const rotten = slots.flatMap((slot) => {
      const chosen = (places[slot]?.inUse() ?? []).filter(({ number }) => number % 3 !== slot);
      for (const { offset } of chosen) flipByte(paths[slot] ?? '', offset, 0x10);
      return chosen.map((place) => ({ slot, place }));
    });
    const zones = new Set(rotten.map(({ place }) => place.zone));
    expect(zones).toEqual(new Set(['wal_prepares', 'blocks']));
    expect(rotten.length).toBeGreaterThan(2 * DISK_CONFIG.walSlots);
    const unfound = (): readonly (typeof rotten)[number][] => {
      return rotten.filter(({ slot, place }) => finderOf(disks, slot, place) === null);
    };
    await until(() => (unfound().length === 0 ? true : null), {
      within: PATIENCE_MILLIS,
      what: 'everything that rotted is found',
      explain: () => `${JSON.stringify(unfound())}\n${disks.describe()}`,
    });
    for (const path of paths) await soundPlaces(path);
    await disks.healthy();
    await disks.write(5, VALUE_SIZE);
    await disks.healthy();
    expect(await disks.lost()).toEqual([]);
    await disks.cluster.stopAll();
    expect(disks.cluster.fatal).toEqual([]);
    expect(disks.checkpoints()).toEqual(slots.map(() => disks.checkpoints()[0]));
    for (const path of paths) expect(await integrity(path)).toBe(0);
  });
});
