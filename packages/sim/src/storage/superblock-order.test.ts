import { mix128 } from '@kimberlite/store';
import {
  CONFIG_SIMULATION,
  formatReplica,
  Prng,
  SECTOR_SIZE,
  SUPERBLOCK_COPY_SIZE,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { EventQueue } from '../std/event-queue.ts';
import { FaultAtlas } from './fault-atlas.ts';
import { SimulatedStorage, STORAGE_CALM } from './storage.ts';
import { checkSuperblockWrite } from './superblock-order.ts';

const config = CONFIG_SIMULATION;
const machine = { name: 'mine', id: 1n };
const identity = { machine, cluster: 1n, slot: 0, replicaCount: 3, incarnation: 1n };

function formatted(writeFaultProbability = 0) {
  const queue = new EventQueue();
  const atlas = { replicaCount: 3, config, wal: false, blocks: false };
  const storage = new SimulatedStorage({
    queue,
    prng: new Prng(1n),
    options: { ...STORAGE_CALM, writeFaultProbability },
    config,
    checksum: mix128,
    slot: 0,
    atlas: new FaultAtlas(new Prng(1n), atlas),
    faults: null,
  });
  const writes = [...formatReplica({ config, checksum: mix128, ...identity })];
  storage.format(writes);
  const zone = new Uint8Array(4 * SUPERBLOCK_COPY_SIZE);
  for (const { zone: name, offset, bytes } of writes) {
    if (name === 'superblock') zone.set(bytes, offset);
  }
  const copyOf = (copy: number): Uint8Array =>
    zone.slice(copy * SUPERBLOCK_COPY_SIZE, (copy + 1) * SUPERBLOCK_COPY_SIZE);
  const write = (copy: number, done = (): void => {}): void =>
    storage.write('superblock', copy * SUPERBLOCK_COPY_SIZE, copyOf(copy), done);
  const drain = (): void => {
    while (queue.step());
  };
  return { storage, write, drain, copyOf };
}

describe('writes of the superblock', () => {
  it('follow one another', () => {
    const { write, drain } = formatted();
    write(0);
    drain();
    write(1);
    expect(() => write(2)).toThrow('two copies of the superblock');
  });

  it('name no new checkpoint while its blocks are on their way', () => {
    const { storage, copyOf } = formatted();
    const blocks = [{ zone: 'blocks' as const }];
    const next = { offset: 0, bytes: copyOf(0) };
    // The checkpoint that the disk has already.
    checkSuperblockWrite(next, blocks, { evidence: storage.evidence, checksum: mix128 });
    const durable = storage.evidence.superblock();
    if (typeof durable === 'string') throw new Error('the disk is formatted');
    const checkpoint = { ...durable.checkpoint, op: -1 as typeof durable.checkpoint.op };
    const evidence = { superblock: () => ({ ...durable, checkpoint }) };
    const early = (): void => checkSuperblockWrite(next, blocks, { evidence, checksum: mix128 });
    expect(early).toThrow('while blocks are being written');
    checkSuperblockWrite(next, [], { evidence, checksum: mix128 });
  });
});

describe('copies that were stored wrongly', () => {
  it('are not counted, are seen by a read, and are taken back by a crash', () => {
    const { storage, write, drain, copyOf } = formatted(1);
    expect(storage.evidence.superblockCopies()).toBe(4);
    write(2);
    drain();
    expect(storage.evidence.superblockCopies()).toBe(3);
    let bytes: Uint8Array | null = null;
    const read = (): void =>
      storage.read('superblock', 2 * SUPERBLOCK_COPY_SIZE, SECTOR_SIZE, (found) => {
        bytes = found;
      });
    read();
    drain();
    expect(bytes).not.toEqual(copyOf(2).subarray(0, SECTOR_SIZE));
    storage.crash();
    expect(storage.evidence.superblockCopies()).toBe(4);
    read();
    drain();
    expect(bytes).toEqual(copyOf(2).subarray(0, SECTOR_SIZE));
  });

  it('are healed by another write', () => {
    const { storage, write, drain } = formatted(1);
    write(2);
    drain();
    storage.setOptions(STORAGE_CALM);
    write(2);
    drain();
    expect(storage.evidence.superblockCopies()).toBe(4);
  });
});
