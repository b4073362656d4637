import { mix128 } from '@kimberlite/store';
import {
  type AnyMessage,
  CONFIG_SIMULATION,
  encodeMessage,
  formatReplica,
  mutualIntroductions,
  Op,
  Prng,
  View,
} from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { EventQueue } from '../std/event-queue.ts';
import { FaultAtlas } from '../storage/fault-atlas.ts';
import { SimulatedStorage, STORAGE_CALM } from '../storage/storage.ts';
import { EarlyFiles } from './early-files.ts';

// Canaries: a new file in slot 2 of five speaks when enough disks know it, and when too few do.

const CONFIG = CONFIG_SIMULATION;
const FIRST = [1n, 2n, 3n, 4n, 5n];
const SECOND = [1n, 2n, 77n, 4n, 5n];
const FILE = { incarnation: 77n, since: 20 };

/** The disk of a replica that knows these files. */
function disk(slot: number, incarnations: readonly bigint[]): SimulatedStorage {
  const atlas = new FaultAtlas(new Prng(1n), {
    replicaCount: 5,
    config: CONFIG,
    wal: false,
    blocks: false,
  });
  const storage = new SimulatedStorage({
    queue: new EventQueue(),
    prng: new Prng(2n),
    options: STORAGE_CALM,
    config: CONFIG,
    checksum: mix128,
    slot,
    atlas,
    faults: null,
  });
  write(storage, slot, incarnations);
  return storage;
}

function write(storage: SimulatedStorage, slot: number, incarnations: readonly bigint[]): void {
  const introductions = mutualIntroductions(slot, incarnations, Op(0));
  const incarnation = incarnations[slot] ?? 0n;
  const machine = { name: 'mine', id: 1n };
  const setup = { config: CONFIG, machine, cluster: 1n, replicaCount: 5, checksum: mix128, slot };
  storage.format(formatReplica({ ...setup, incarnation, introductions }));
}

/** Five disks of which these know the new file, which has been made. */
function recovered(knowing: readonly number[]): {
  readonly files: EarlyFiles;
  readonly disks: readonly SimulatedStorage[];
} {
  const disks = FIRST.map((_, slot) => disk(slot, knowing.includes(slot) ? SECOND : FIRST));
  const files = new EarlyFiles(disks.map(({ evidence }) => evidence));
  files.onRecovered(2, FILE);
  return { files, disks };
}

function vote(incarnation = 77n, replica = 2): AnyMessage {
  const fields = { cluster: 1n, replica, view: View(33), release: 1, incarnation };
  // SAFETY: of one command.
  return encodeMessage('startViewChange', fields, null, mix128) as AnyMessage;
}

describe('a file in place of a lost one', () => {
  it('may take part when a replication quorum of the others has noted it', () => {
    const { files } = recovered([0, 1, 3]);
    expect(() => files.onSend(2, vote())).not.toThrow();
  });

  it('may not before, and does not count itself', () => {
    const { files } = recovered([0, 1, 2]);
    expect(() => files.onSend(2, vote())).toThrow('and 2 others have noted it');
  });

  it('may as soon as one more has it on its disk', () => {
    const { files, disks } = recovered([0, 1]);
    disks.forEach((storage, slot) => {
      if (slot === 4) write(storage, slot, SECOND);
    });
    files.onTrace(4, { kind: 'view_durable', view: View(1), logView: View(1) });
    expect(() => files.onSend(2, vote())).not.toThrow();
  });

  it('may greet, and is not its lost one, nor what it hands on', () => {
    const { files } = recovered([0]);
    const fields = { cluster: 1n, replica: 2, view: View(33), release: 1, incarnation: 77n };
    const asks = encodeMessage('requestStartView', { ...fields, nonce: 1n }, null, mix128);
    expect(() => files.onSend(2, asks as AnyMessage)).not.toThrow(); // SAFETY: of one command.
    expect(() => files.onSend(2, vote(3n))).not.toThrow();
    expect(() => files.onSend(2, vote(77n, 0))).not.toThrow();
    files.onDiskLost(2);
    expect(() => files.onSend(2, vote())).not.toThrow();
  });
});
