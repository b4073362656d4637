import { FOREST_ROOT_SIZE, mix128 } from '@kimberlite/store';
import {
  type BackupPoint,
  backupOp,
  CORE_TABLES,
  checkpointId,
  decodeMessage,
  inspectTree,
  ReadOut,
  type ReadOutStep,
  ReadOutStorage,
  type ReplicaHost,
  type TreeFault,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { ReplicaMaker } from '../cluster/replica-maker.ts';
import { NETWORK_CALM } from '../network/network.ts';
import { productionMaker } from '../run/production-maker.ts';
import { STORAGE_CALM } from '../storage/storage.ts';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { at, settle } from '../testing/settled.ts';
import { counterWorkload } from '../workload/counter-machine.ts';

const INTERVAL = 16;
const SLOTS = 32;
const PLENTY = 64 * 1024 * 1024;

/** Production replicas whose disks a backup may be read from. */
class BackupMaker implements ReplicaMaker {
  readonly hosts = new Map<number, ReplicaHost>();
  readonly disks = new Map<number, ReadOutStorage>();
  format: ReplicaMaker['format'] = (setup) => productionMaker.format(setup);
  create: ReplicaMaker['create'] = (setup) => {
    const disk = new ReadOutStorage(setup.ports.storage);
    const host = productionMaker.create({ ...setup, ports: { ...setup.ports, storage: disk } });
    this.disks.set(setup.slot, disk);
    this.hosts.set(setup.slot, host);
    return host;
  };
}

/** A backup that is being read from a replica, and what has come of it. */
class Backup {
  readonly point: BackupPoint;
  readonly readOut: ReadOut;
  readonly blocks = new Map<number, Uint8Array>();
  readonly prepares = new Map<number, Uint8Array>();
  end: ReadOutStep | null = null;
  private asked = false;

  constructor(maker: BackupMaker, slot: number, atLeast: number, keptMax = PLENTY) {
    const point = maker.hosts.get(slot)?.backupPoint(atLeast);
    const disk = maker.disks.get(slot);
    if (disk === undefined || typeof point !== 'object') throw new Error('no backup');
    this.point = point;
    this.readOut = disk.begin(point, keptMax);
  }

  /** Asks for one part more. */
  next(): void {
    if (this.asked || this.end !== null) return;
    this.asked = true;
    this.readOut.next((step) => {
      this.asked = false;
      const { blockSize } = this.point.config;
      if (step.kind === 'prepare') this.prepares.set(step.op, step.bytes);
      else if (step.kind !== 'blocks') this.end = step;
      else {
        for (let from = 0; from < step.bytes.length; from += blockSize) {
          const block = step.bytes.subarray(from, from + blockSize);
          this.blocks.set(step.address + from / blockSize, block);
        }
      }
    });
  }

  /** Walks the tree and the chain of what came: nothing may be missing, foreign or newer. */
  expectWhole(): void {
    expect(this.end).toEqual({ kind: 'done' });
    const { checkpoint, config, log } = this.point;
    const faults: TreeFault[] = [];
    const content = inspectTree(checkpoint.forestRoot, {
      format: { checksum: mix128, blockSize: config.blockSize },
      tables: new Set(
        [...CORE_TABLES, ...counterWorkload.stateMachine().tables].map(({ id }) => id),
      ),
      read: (address) => this.blocks.get(address) ?? null,
      onFault: (fault) => faults.push(fault),
      onBlock: () => {},
    });
    expect(faults).toEqual([]);
    expect(content?.blockCount).toBe(this.blocks.size);
    let parent = checkpoint.prepareChecksum;
    for (const { header } of log) {
      const message = decodeMessage(this.prepares.get(header.op) ?? new Uint8Array(0), mix128);
      if (typeof message === 'string') throw new Error(`op ${header.op}: ${message}`);
      expect(message.header).toMatchObject({ command: 'prepare', op: header.op, parent });
      parent = message.header.checksum;
    }
    expect(this.prepares.size).toBe(log.length);
  }
}

function add(script: ScriptedCluster, count: number): void {
  const head = Math.max(...script.cluster.snapshots().map((state) => state.commitMax));
  for (let turn = 0; turn < count; turn += 1) script.add((head + turn) % 200, 1);
}

describe('a backup of a running replica', () => {
  it('holds what was acknowledged before it began, on the primary and on a backup', () => {
    const maker = new BackupMaker();
    const { script, primary, backups } = settle({ replicaCount: 3, maker });
    add(script, 2 * INTERVAL + 5);
    script.runUntil(() => script.converged());
    const { commitMax } = script.state(primary);
    for (const slot of [primary, at(backups, 0)]) {
      const backup = new Backup(maker, slot, commitMax);
      expect(backupOp(backup.point)).toBe(commitMax);
      expect(backup.point.checkpoint.op).toBe(commitMax - (commitMax % INTERVAL));
      script.runUntil(() => {
        backup.next();
        return backup.end !== null;
      });
      backup.expectWhole();
    }
    expect(maker.hosts.get(primary)?.backupPoint(commitMax + 1)).toBe('behind');
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'is the old state though checkpoints and the ring go on under a slow reader (seed %i)',
    (seed) => {
      const maker = new BackupMaker();
      const { script, primary, backups } = settle({ replicaCount: 3, maker, seed: BigInt(seed) });
      add(script, 3 * INTERVAL + seed);
      const slot = seed % 2 === 0 ? primary : at(backups, 0);
      script.runUntil(() => script.converged());
      const backup = new Backup(maker, slot, 0);
      expect(backup.point.checkpoint.forestRoot).not.toEqual(new Uint8Array(FOREST_ROOT_SIZE));
      const id = checkpointId(backup.point.checkpoint, mix128);
      // One part, then nothing while the ring comes round and two checkpoints pass, then one for
      // every third op.
      backup.next();
      add(script, SLOTS + 2);
      for (let turn = 0; turn < INTERVAL; turn += 1) {
        add(script, 3);
        backup.next();
      }
      const { checkpointOp } = script.state(slot);
      expect(checkpointOp).toBeGreaterThanOrEqual(backup.point.checkpoint.op + 4 * INTERVAL);
      script.runUntil(() => {
        backup.next();
        return backup.end !== null;
      });
      expect(backup.readOut.earlyBytes).toBeGreaterThan(0);
      expect(checkpointId(backup.point.checkpoint, mix128)).toBe(id);
      backup.expectWhole();
      script.runUntil(() => script.converged());
    },
  );

  it('is given up rather than kept without a limit, and the replica goes on', () => {
    const maker = new BackupMaker();
    const { script, primary } = settle({ replicaCount: 3, maker });
    add(script, 3 * INTERVAL);
    const backup = new Backup(maker, primary, 0, 4096);
    add(script, 4 * INTERVAL);
    backup.next();
    expect(backup.end).toEqual({ kind: 'failed', reason: 'too_slow' });
    expect(maker.disks.get(primary)?.busy).toBe(false);
    script.runUntil(() => script.converged());
  });

  it('reads what a write destroys, no more: without the guard the old state would be gone', () => {
    const maker = new BackupMaker();
    const { script, primary } = settle({ replicaCount: 1, maker });
    add(script, 3 * INTERVAL);
    const backup = new Backup(maker, primary, 0);
    // Whoever reads past the guard, from the same disk, finds other bytes in the same places.
    const unguarded = new ReadOut({
      point: backup.point,
      storage: { read: (...call) => maker.disks.get(primary)?.read(...call) },
      keptMax: PLENTY,
    });
    add(script, 6 * INTERVAL);
    const found = new Map<number, Uint8Array>();
    let ended = false;
    const take = (): void =>
      unguarded.next((step) => {
        if (step.kind === 'done' || step.kind === 'failed') ended = true;
        if (step.kind === 'blocks') found.set(step.address, step.bytes);
        if (!ended) take();
      });
    take();
    script.runUntil(() => {
      backup.next();
      return ended && backup.end !== null;
    });
    backup.expectWhole();
    const { blockSize } = backup.point.config;
    const changed = [...found].some(([address, bytes]) => {
      for (let from = 0; from < bytes.length; from += blockSize) {
        const kept = backup.blocks.get(address + from / blockSize);
        const now = bytes.subarray(from, from + blockSize);
        if (!now.every((byte, place) => byte === kept?.[place])) return true;
      }
      return false;
    });
    expect(changed).toBe(true);
  });

  it('does not begin on a replica that has not all of its state', () => {
    const maker = new BackupMaker();
    const { script, backups } = settle({ replicaCount: 3, maker });
    const slot = at(backups, 0);
    add(script, INTERVAL + 2);
    script.crash(slot);
    script.restart(slot);
    expect(maker.hosts.get(slot)?.backupPoint(0)).toBe('recovering');
  });

  it('stays the old state while a transfer puts another checkpoint in its place', () => {
    const maker = new BackupMaker();
    const { script, backups } = settle({ replicaCount: 3, maker });
    const slot = at(backups, 1);
    add(script, 3 * INTERVAL + 3);
    script.runUntil(() => script.converged());
    const backup = new Backup(maker, slot, 0);
    backup.next();
    script.isolate(slot);
    add(script, 3 * SLOTS);
    script.heal();
    script.runUntil(() => script.converged());
    expect(script.events('sync_finished', slot)).toHaveLength(1);
    expect(backup.readOut.earlyBytes).toBeGreaterThan(0);
    script.runUntil(() => {
      backup.next();
      return backup.end !== null;
    });
    backup.expectWhole();
  });

  it('ends with the process, and holds nothing up in its next life', () => {
    const maker = new BackupMaker();
    const { script, primary } = settle({ replicaCount: 3, maker });
    add(script, 2 * INTERVAL + 3);
    const backup = new Backup(maker, primary, 0);
    backup.next();
    script.crash(primary);
    script.restart(primary);
    add(script, 4 * INTERVAL);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(maker.disks.get(primary)?.busy).toBe(false);
    const again = new Backup(maker, primary, script.state(primary).commitMax);
    script.runUntil(() => {
      again.next();
      return again.end !== null;
    });
    again.expectWhole();
  });

  it.each([3, 7, 11, 19])(
    'is one state on slow disks and a bad network, and nobody waits for ever (seed %i)',
    (seed) => {
      const maker = new BackupMaker();
      const { script } = settle({
        replicaCount: 3,
        maker,
        seed: BigInt(seed),
        storage: { ...STORAGE_CALM, readMeanMicros: 4_000, writeMeanMicros: 8_000 },
        network: { ...NETWORK_CALM, lossProbability: 0.05 },
      });
      add(script, 2 * INTERVAL + seed);
      for (let turn = 0; turn < 4; turn += 1) {
        const slot = (seed + turn) % 3;
        script.runUntil(() => typeof maker.hosts.get(slot)?.backupPoint(0) === 'object');
        const backup = new Backup(maker, slot, 0);
        add(script, 2 * INTERVAL);
        while (backup.end === null) {
          backup.next();
          add(script, 1);
        }
        backup.expectWhole();
      }
      script.runUntil(() => script.converged());
    },
  );
});
