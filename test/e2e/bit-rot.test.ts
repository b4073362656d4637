import { closeSync, openSync, readSync, statSync, truncateSync, writeSync } from 'node:fs';
import { type Io, runProgram } from '@kimberlite/cli';
import { Prng, SUPERBLOCK_COPY_SIZE, type Zone, zoneOffset, zoneSize } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DISK_CONFIG, DISK_REPLICAS, DiskCluster } from '../support/disk-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** More for a longer run; the seed replays what is drawn, but not the timing. */
const ROUNDS = Number(process.env['ROT_ROUNDS'] ?? 10);
const SEED = BigInt(process.env['ROT_SEED'] ?? 1);
/** Flipped bits of a round; ten rounds make 200. */
const FLIPS = 20;
/** Bytes around the first bit of a burst in which the others are. */
const BURST = 256;
/**
 * Puts of a round: more than the log has slots, so that what rotted where no op is in use, and
 * nobody repairs, is written over before the next round.
 */
const PUTS = DISK_CONFIG.walSlots + 8;
const ZONES: readonly Zone[] = ['superblock', 'wal_headers', 'wal_prepares', 'blocks'];

vi.setConfig({ testTimeout: 60_000 + ROUNDS * 5_000, hookTimeout: 60_000 });

let directory: ReturnType<typeof temporaryDirectory>;
let disks: DiskCluster;

beforeEach(async () => {
  directory = temporaryDirectory();
  disks = await DiskCluster.start(directory.path);
});
afterEach(async () => {
  await disks.cluster.stopAll();
  directory.remove();
});

function flip(path: string, offset: number, bit: number): void {
  const fd = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  writeSync(fd, byte, 0, 1, offset);
  closeSync(fd);
}

/** Bytes of a zone that are worth spoiling: of what is mostly empty, where something is. */
function placeIn(zone: Zone, path: string, prng: Prng): number {
  const start = zoneOffset(DISK_CONFIG, zone);
  switch (zone) {
    case 'superblock':
      // Of two copies: with a third the replica would refuse to start, which is another test.
      return start + prng.below(2 * SUPERBLOCK_COPY_SIZE);
    case 'wal_prepares': {
      const slot = prng.below(DISK_CONFIG.walSlots);
      return start + slot * DISK_CONFIG.messageSizeMax + prng.below(1024);
    }
    case 'wal_headers':
      return start + prng.below(zoneSize(DISK_CONFIG, zone) ?? 0);
    case 'blocks': {
      const size = Math.min(statSync(path).size - start, 60 * DISK_CONFIG.blockSize);
      return start + prng.below(size);
    }
  }
}

/** Flips bits of a file that nobody has open, scattered over all zones or in one burst. */
function rot(path: string, prng: Prng, isBurst: boolean): void {
  const burst = placeIn(prng.pick(ZONES), path, prng);
  for (let turn = 0; turn < FLIPS; turn += 1) {
    const offset = isBurst ? burst + prng.below(BURST) : placeIn(prng.pick(ZONES), path, prng);
    flip(path, offset, prng.below(8));
  }
}

type Line = Readonly<Record<string, unknown>>;

/** What `inspect integrity` says of a file: its findings, and its summary at the end. */
async function integrity(path: string): Promise<{ readonly found: Line[]; readonly code: number }> {
  let out = '';
  const io: Io = {
    write: (chunk) => {
      out += Buffer.from(chunk).toString();
    },
    writeError: () => {},
    errorIsTerminal: false,
    readInput: () => Promise.resolve(new Uint8Array(0)),
    askLine: () => Promise.resolve(null),
    env: {},
  };
  const code = await runProgram(['inspect', 'integrity', path, '-o', 'json'], io);
  // SAFETY: each line is an object of `-o json`.
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  return { found: lines.slice(0, -1), code };
}

describe('bits that flip while a replica is stopped', () => {
  it(`are found and healed: ${ROUNDS} rounds of ${FLIPS}`, async () => {
    const prng = new Prng(SEED);
    const totals = { flips: 0, damages: 0, notes: 0, foundAtStart: 0, repaired: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      await disks.write(PUTS);
      await disks.healthy();
      await disks.cluster.stopAll();
      expect(disks.checkpoints()).toEqual(Array(DISK_REPLICAS).fill(disks.checkpoints()[0]));
      const path = disks.cluster.path(prng.below(DISK_REPLICAS));
      rot(path, prng, round % 2 === 1);
      const { found } = await integrity(path);
      const damages = found.filter(({ severity }) => severity === 'damage');
      totals.flips += FLIPS;
      totals.damages += damages.length;
      totals.notes += found.length - damages.length;
      disks.cluster.log.length = 0;
      await disks.cluster.startAll();
      await disks.healthy();
      totals.foundAtStart += disks.logged('corruption found').length;
      totals.repaired += disks.logged('repaired').length;
      expect(disks.cluster.fatal).toEqual([]);
      expect(await disks.lost(), `seed ${SEED}, round ${round}`).toEqual([]);
    }
    await disks.write(PUTS);
    await disks.healthy();
    await disks.cluster.stopAll();
    expect(disks.checkpoints()).toEqual(Array(DISK_REPLICAS).fill(disks.checkpoints()[0]));
    for (let slot = 0; slot < DISK_REPLICAS; slot += 1) {
      const { found, code } = await integrity(disks.cluster.path(slot));
      expect(found.filter(({ severity }) => severity === 'damage')).toEqual([]);
      expect(code).toBe(0);
    }
    console.log(JSON.stringify({ seed: String(SEED), ...totals }));
    expect(totals.damages).toBeGreaterThan(ROUNDS);
    expect(totals.foundAtStart).toBeGreaterThan(ROUNDS / 2);
    expect(totals.repaired).toBeGreaterThan(0);
  });
});

describe('a block area that was cut off', () => {
  it('comes back from the peers', async () => {
    await disks.write(PUTS);
    await disks.healthy();
    await disks.cluster.stop(1);
    const start = zoneOffset(DISK_CONFIG, 'blocks');
    // In the middle of the second block, and of a sector.
    truncateSync(disks.cluster.path(1), start + DISK_CONFIG.blockSize + 700);
    await disks.cluster.start(1);
    await disks.healthy();
    expect(disks.logged('corruption found').some(({ what }) => what === 'block')).toBe(true);
    await disks.write(PUTS);
    await disks.healthy();
    expect(await disks.lost()).toEqual([]);
    await disks.cluster.stopAll();
    expect(disks.checkpoints()).toEqual(Array(DISK_REPLICAS).fill(disks.checkpoints()[0]));
    expect((await integrity(disks.cluster.path(1))).code).toBe(0);
  });
});
