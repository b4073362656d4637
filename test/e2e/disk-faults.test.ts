import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Prng, SECTOR_SIZE, type Zone, zoneOffset } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BLOCK_AREA_INITIAL } from '../../packages/server/src/storage/data-file-format.ts';
import type { CallFault, FileCall } from '../../packages/server/src/testing/faulty-calls.ts';
import { DISK_CONFIG, DISK_REPLICAS, DiskCluster } from '../support/disk-cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let directory: ReturnType<typeof temporaryDirectory>;
let disks: DiskCluster;

beforeEach(async () => {
  directory = temporaryDirectory();
  disks = await DiskCluster.start(directory.path);
});
afterEach(async () => {
  for (const calls of disks.calls) calls.setFault(null);
  await disks.cluster.stopAll();
  directory.remove();
});

/** More ops than the log has slots, and several checkpoints. */
const PUTS = DISK_CONFIG.walSlots + 8;

function zoneOf({ position }: FileCall): Zone {
  const zones: readonly Zone[] = ['blocks', 'wal_prepares', 'wal_headers', 'superblock'];
  return zones.find((zone) => position >= zoneOffset(DISK_CONFIG, zone)) ?? 'superblock';
}

/** From now on, for one replica. */
function fault(slot: number, faultOf: (call: FileCall) => CallFault | null): void {
  disks.calls[slot]?.setFault(faultOf);
}

/** A primary, and the replica that a test is to spoil: the primary itself or a backup. */
function pick(role: 'primary' | 'backup'): number {
  const primary = disks.cluster.primary();
  if (primary === null) throw new Error('there is a primary');
  return role === 'primary' ? primary : (primary + 1) % DISK_REPLICAS;
}

/** Everything is well again and nothing was lost, after another start of all from their disks. */
async function nothingWasLost(): Promise<void> {
  await disks.write(PUTS);
  await disks.healthy();
  expect(await disks.lost()).toEqual([]);
  await disks.cluster.stopAll();
  expect(disks.checkpoints()).toEqual(Array(DISK_REPLICAS).fill(disks.checkpoints()[0]));
  await disks.cluster.startAll();
  await disks.healthy();
  expect(await disks.lost()).toEqual([]);
}

/** Sectors that the device does not give, until they are written again. */
class BadSectors {
  readonly #sectors: Set<number>;

  constructor(sectors: Iterable<number>) {
    this.#sectors = new Set(sectors);
  }

  faultOf({ kind, position, length }: FileCall): CallFault | null {
    for (let at = position; at < position + length; at += SECTOR_SIZE) {
      const sector = at / SECTOR_SIZE;
      if (kind === 'write') this.#sectors.delete(sector);
      else if (this.#sectors.has(sector)) return { kind: 'error', code: 'EIO' };
    }
    return null;
  }
}

/** A sector here and there of all that is in use: in the superblock of two copies. */
function someSectors(prng: Prng): number[] {
  const sectors = [0, 5, 6];
  const prepares = zoneOffset(DISK_CONFIG, 'wal_prepares') / SECTOR_SIZE;
  const blocks = zoneOffset(DISK_CONFIG, 'blocks') / SECTOR_SIZE;
  for (let sector = 0; sector < 60; sector += 1) {
    if (prng.below(3) === 0) sectors.push(blocks + sector);
  }
  for (let slot = 0; slot < DISK_CONFIG.walSlots; slot += 1) {
    if (prng.below(3) === 0) {
      sectors.push(prepares + (slot * DISK_CONFIG.messageSizeMax) / SECTOR_SIZE);
    }
  }
  // The first half of the ring of headers.
  sectors.push(zoneOffset(DISK_CONFIG, 'wal_headers') / SECTOR_SIZE);
  return sectors;
}

describe('a disk that fails reads', () => {
  it('is repaired from the peers at a start, sector by sector', async () => {
    await disks.write(PUTS);
    await disks.healthy();
    await disks.cluster.stop(1);
    const bad = new BadSectors(someSectors(new Prng(3n)));
    fault(1, (call) => bad.faultOf(call));
    await disks.cluster.start(1);
    await disks.healthy();
    expect(disks.calls[1]?.count('error')).toBeGreaterThan(10);
    const found = new Set(disks.logged('corruption found').map(({ what }) => what));
    // Of the newest op the header alone is lost; of others it leaves the body in doubt.
    for (const what of ['superblock', 'prepare', 'block']) expect(found).toContain(what);
    expect(disks.cluster.fatal).toEqual([]);
    await nothingWasLost();
  });

  it('or answers in pieces loses nothing', async () => {
    for (const calls of disks.calls) {
      calls.setFault(({ length }) => (length > SECTOR_SIZE ? { kind: 'short' } : null));
    }
    await nothingWasLost();
    for (const calls of disks.calls) expect(calls.count('short')).toBeGreaterThan(10);
    expect(disks.cluster.fatal).toEqual([]);
  });
});

describe('a disk that fails a write', () => {
  for (const [role, system, code, exitCode] of [
    ['primary', 'EIO', 'write_failed', 31],
    ['backup', 'ENOSPC', 'disk_full', 30],
  ] as const) {
    it(`ends its replica, a ${role}, with ${code}; the others go on`, async () => {
      await disks.write(5);
      const slot = pick(role);
      fault(slot, ({ kind }) => (kind === 'write' ? { kind: 'error', code: system } : null));
      await disks.write(5);
      expect(await disks.fatal()).toMatchObject({ code, exitCode });
      expect(disks.logged('giving up')).toMatchObject([{ replica: slot, code }]);
      await disks.cluster.stop(slot);
      await disks.write(5);
      disks.calls[slot]?.setFault(null);
      await disks.cluster.start(slot);
      await nothingWasLost();
    });
  }
});

describe('a disk that fails a sync', () => {
  it('ends its replica, which never syncs a second time; the others go on', async () => {
    await disks.cluster.stopAll();
    const path = join(directory.path, 'synced');
    mkdirSync(path);
    // As where no file can be open for synchronous writes.
    disks = await DiskCluster.start(path, { ioMode: 'write_fdatasync' });
    await disks.write(5);
    const slot = pick('primary');
    fault(slot, ({ kind }) => (kind === 'sync' ? { kind: 'error', code: 'EIO' } : null));
    await disks.write(5);
    expect(await disks.fatal()).toMatchObject({ code: 'write_failed', exitCode: 31 });
    expect(disks.logged('giving up')).toMatchObject([{ replica: slot, code: 'write_failed' }]);
    const failed = disks.calls[slot]?.count('error');
    await disks.write(5);
    expect(disks.calls[slot]?.count('error')).toBe(failed);
    await disks.cluster.stop(slot);
    disks.calls[slot]?.setFault(null);
    await disks.cluster.start(slot);
    await nothingWasLost();
  });
});

describe('a disk that lies about a write', () => {
  /** Spoils the first write that is wanted, and no other. */
  function once(slot: number, wanted: (call: FileCall) => boolean, what: CallFault): void {
    let isOver = false;
    fault(slot, (call) => {
      if (isOver || call.kind !== 'write' || !wanted(call)) return null;
      isOver = true;
      return what;
    });
  }

  /** The replica starts again, and finds what neither it nor its scrubber had noticed. */
  async function startAgain(slot: number): Promise<void> {
    disks.calls[slot]?.setFault(null);
    await disks.healthy();
    await disks.cluster.stop(slot);
    await disks.cluster.start(slot);
    await disks.healthy();
  }

  it('to a copy of the superblock is found out when it is read back', async () => {
    const writes: number[] = [];
    const slot = pick('backup');
    let isOver = false;
    fault(slot, (call) => {
      if (call.kind !== 'write' || zoneOf(call) !== 'superblock') return null;
      writes.push(call.position);
      if (isOver || writes.length % 4 !== 2) return null;
      isOver = true;
      return { kind: 'lost' };
    });
    await disks.write(PUTS);
    disks.calls[slot]?.setFault(null);
    expect(disks.calls[slot]?.count('lost')).toBe(1);
    await nothingWasLost();
  });

  for (const what of [{ kind: 'lost' }, { kind: 'torn', sectors: 1 }] as const) {
    it(`to a prepare (${what.kind}) is found out by the scrubber or the next start`, async () => {
      const slot = pick('backup');
      await disks.write(3, 9000);
      const isLong = ({ length }: FileCall): boolean => length > SECTOR_SIZE;
      once(slot, (call) => zoneOf(call) === 'wal_prepares' && isLong(call), what);
      await disks.write(3, 9000);
      expect(disks.calls[slot]?.count(what.kind)).toBe(1);
      await startAgain(slot);
      expect(disks.logged('corruption found')).toMatchObject([{ replica: slot, what: 'prepare' }]);
      await nothingWasLost();
    });
  }

  it('to a redundant header is mended by the scrubber or the next start', async () => {
    const slot = pick('backup');
    await disks.write(3);
    once(slot, (call) => zoneOf(call) === 'wal_headers', { kind: 'lost' });
    await disks.write(3);
    expect(disks.calls[slot]?.count('lost')).toBe(1);
    await startAgain(slot);
    // Where the body is newer than its header says, it is known to be right: nothing to be said.
    for (const line of disks.logged('corruption found')) {
      expect(line).toMatchObject({ replica: slot, what: 'prepare' });
    }
    await nothingWasLost();
  });

  it('to a block is found out by the scrubber or the next start', async () => {
    const slot = pick('backup');
    once(slot, (call) => zoneOf(call) === 'blocks', { kind: 'lost' });
    await disks.write(DISK_CONFIG.checkpointInterval + 2);
    await disks.healthy();
    expect(disks.calls[slot]?.count('lost')).toBe(1);
    await startAgain(slot);
    // One write has several blocks.
    const found = disks.logged('corruption found');
    expect(found.length).toBeGreaterThan(0);
    for (const line of found) expect(line).toMatchObject({ replica: slot, what: 'block' });
    await nothingWasLost();
  });

  it('and puts a block in the place of others is found out in both', async () => {
    const slot = pick('backup');
    await disks.write(DISK_CONFIG.checkpointInterval + 2);
    await disks.healthy();
    const start = zoneOffset(DISK_CONFIG, 'blocks');
    let by = 0;
    fault(slot, (call) => {
      // Behind the blocks are zeros, written ahead of need.
      const isBlock = zoneOf(call) === 'blocks' && call.position < start + BLOCK_AREA_INITIAL;
      if (by !== 0 || call.kind !== 'write' || !isBlock) return null;
      by = start - call.position;
      return by === 0 ? null : { kind: 'misdirected', by };
    });
    await disks.write(DISK_CONFIG.checkpointInterval);
    await disks.healthy();
    expect(by).toBeLessThan(0);
    await startAgain(slot);
    const found = new Set(disks.logged('corruption found').map(({ place }) => place));
    // The first block of all was written over, and one was not written.
    const meant = 1 - by / DISK_CONFIG.blockSize;
    expect(found).toContain(1);
    expect(found).toContain(meant);
    await nothingWasLost();
  });

  it('and puts it in another place is found out in both', async () => {
    const slot = pick('backup');
    await disks.write(6);
    once(slot, (call) => zoneOf(call) === 'wal_prepares', {
      kind: 'misdirected',
      by: -2 * DISK_CONFIG.messageSizeMax,
    });
    await disks.write(3);
    expect(disks.calls[slot]?.count('misdirected')).toBe(1);
    await startAgain(slot);
    const found = disks.logged('corruption found').filter(({ replica }) => replica === slot);
    expect(found).toHaveLength(2);
    await nothingWasLost();
  });
});

/** Until a replica has logged this. */
function said(message: string): Promise<true> {
  return until(() => (disks.logged(message).length > 0 ? true : null), {
    within: 20_000,
    what: `'${message}' in the log`,
    explain: () => disks.describe(),
  });
}

describe('a disk that is slow', () => {
  it('of the primary: it gives way, and all goes on as fast as without it', async () => {
    await disks.write(5);
    const slot = pick('primary');
    fault(slot, ({ kind }) => (kind === 'write' ? { kind: 'slow', millis: 300 } : null));
    await disks.write(2 * PUTS);
    expect(disks.calls[slot]?.count('slow')).toBeGreaterThan(0);
    const [given] = disks.logged('primary gives way');
    expect(given).toMatchObject({ replica: slot, reason: 'slow_disk' });
    expect(disks.cluster.primary()).not.toBe(slot);
    disks.calls[slot]?.setFault(null);
    await disks.healthy();
    expect(disks.cluster.fatal).toEqual([]);
    await nothingWasLost();
  });
});

describe('a disk that hangs', () => {
  for (const role of ['primary', 'backup'] as const) {
    it(`of the ${role}: the cluster goes on, and the replica comes back`, async () => {
      await disks.write(5);
      const slot = pick(role);
      const { view } = disks.statuses()[slot]?.state ?? { view: 0 };
      fault(slot, () => ({ kind: 'hang' }));
      await disks.write(PUTS);
      expect(disks.calls[slot]?.count('hang')).toBeGreaterThan(0);
      const others = disks.statuses().filter(({ replica }) => replica !== slot);
      for (const { state } of others) {
        if (role === 'primary') expect(state.view).toBeGreaterThan(view);
        else expect(state.view).toBe(view);
      }
      if (role === 'primary') {
        const reasons = disks.logged('primary gives way').map(({ reason }) => reason);
        expect(reasons).toContain('disk_stall');
      }
      await said('the disk does nothing');
      disks.calls[slot]?.setFault(null);
      await disks.healthy();
      await said('the disk goes on');
      expect(disks.cluster.fatal).toEqual([]);
      await nothingWasLost();
    });
  }
});
