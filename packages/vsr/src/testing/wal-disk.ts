import { FOREST_ROOT_SIZE, mix128, present } from '@kimberlite/store';
import { CONFIG_SIMULATION } from '../config.ts';
import type { Journal } from '../journal/journal.ts';
import type { PartRead, RecoveredLog, SlotRead } from '../journal/recover.ts';
import { type LogHeader, logHeaderOf } from '../message/header-list.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import { decodeHeader, type PrepareMessage } from '../message/message.ts';
import type { ToldCheckpoint } from '../replica/checkpoint/checkpoint-ids.ts';
import { type Checksum, Op, View, ZERO_CHECKSUM } from '../std/numbers.ts';
import { HEADERS_PER_SECTOR } from '../storage-layout.ts';
import { mutualIntroductions } from '../superblock/introductions.ts';
import {
  type CheckpointRecord,
  checkpointId,
  type SuperblockState,
} from '../superblock/superblock.ts';
import { FIXTURE_MACHINE } from './counter-machine.ts';
import { FIXTURE_CLUSTER, fixtureRoot } from './log-fixture.ts';

/** A checkpoint at `op` with an empty state. */
export function checkpointAt(op: number): CheckpointRecord {
  return {
    op: Op(op),
    prepareChecksum: fixtureRoot().header.checksum,
    timestampNext: op,
    parentId: ZERO_CHECKSUM,
    forestRoot: new Uint8Array(FOREST_ROOT_SIZE),
  };
}

/** The id of the checkpoint that a fixture's format leaves. */
export const FORMAT_CHECKPOINT: ToldCheckpoint = {
  op: Op(0),
  id: checkpointId(checkpointAt(0), mix128),
};

/** What a message tells of its author's checkpoint. */
export function checkpointFields({ op, id }: ToldCheckpoint = FORMAT_CHECKPOINT): {
  readonly checkpointOp: Op;
  readonly checkpointId: Checksum;
} {
  return { checkpointOp: op, checkpointId: id };
}

/** A superblock of replica 1 of three; what a test does not say is as format leaves it. */
export function superblockFixture(changes: Partial<SuperblockState> = {}): SuperblockState {
  return {
    identity: {
      cluster: FIXTURE_CLUSTER,
      slot: 1,
      replicaCount: 3,
      member: 2n,
      incarnation: 9n,
      checksumName: 'mix128',
      config: CONFIG_SIMULATION,
      machine: FIXTURE_MACHINE,
    },
    sequence: 1,
    parent: ZERO_CHECKSUM,
    view: View(0),
    logView: View(0),
    commitMax: Op(0),
    checkpoint: checkpointAt(0),
    syncing: false,
    checkpointPrevious: checkpointAt(0),
    headers: [logHeaderOf(fixtureRoot())],
    introductions: mutualIntroductions(1, [9n, 9n, 9n]),
    ...changes,
  };
}

/** The log's two rings as start-up would read them: what each part of each slot shows. */
export class WalDisk {
  readonly slots: { header: PartRead; prepare: PartRead }[];

  /** As format leaves it: the root in slot 0, the rest reserved. */
  constructor(walSlots: number) {
    this.slots = Array.from({ length: walSlots }, () => ({
      header: 'reserved',
      prepare: 'reserved',
    }));
    this.acknowledge(fixtureRoot());
  }

  slot(op: number): { header: PartRead; prepare: PartRead } {
    return present(this.slots[op % this.slots.length]);
  }

  /** Body and redundant header are on disk. */
  acknowledge(message: PrepareMessage): void {
    const entry = logHeaderOf(message);
    const slot = this.slot(message.header.op);
    slot.header = entry;
    slot.prepare = entry;
  }

  writeHeaders(sector: number, bytes: Uint8Array): void {
    for (let index = 0; index < HEADERS_PER_SECTOR; index += 1) {
      const part = bytes.slice(index * HEADER_SIZE, (index + 1) * HEADER_SIZE);
      present(this.slots[sector * HEADERS_PER_SECTOR + index]).header = partOf(part);
    }
  }

  reads(): SlotRead[] {
    return this.slots.map((slot) => ({ ...slot }));
  }

  /** The bytes of the redundant ring, as a journal is given them. */
  redundant(): Uint8Array {
    const bytes = new Uint8Array(this.slots.length * HEADER_SIZE);
    this.slots.forEach(({ header }, index) => {
      const start = index * HEADER_SIZE;
      if (isEntry(header)) bytes.set(header.bytes, start);
      // Stands for the reserved header of the slot: not empty, and no prepare.
      else if (header === 'reserved') bytes.fill(0xaa, start, start + HEADER_SIZE);
    });
    return bytes;
  }
}

/** Whether a part holds a prepare header. */
export function isEntry(part: PartRead): part is LogHeader {
  return part !== 'bad' && part !== 'reserved';
}

function partOf(bytes: Uint8Array): PartRead {
  if (bytes.every((byte) => byte === 0xaa)) return 'reserved';
  const header = decodeHeader(bytes, mix128);
  if (typeof header === 'string') return 'bad';
  if (header.command === 'reserved') return 'reserved';
  return header.command === 'prepare' ? { header, bytes } : 'bad';
}

/**
 * Whether the replica would deny that it ever had `op`: what the rules allow only for what it
 * never acknowledged. By what start-up made of its slot, without a journal.
 */
export function wouldNack(recovered: RecoveredLog, message: PrepareMessage): boolean {
  const slot = present(recovered.slots[message.header.op % recovered.slots.length]);
  if (slot.faulty) return false;
  if (slot.entry === null || slot.entry.header.op !== message.header.op) return true;
  if (slot.entry.header.checksum !== message.header.checksum) return true;
  return slot.dirty && !slot.fix;
}

/** The same, asked of a journal. */
export function journalNacks(journal: Journal, message: PrepareMessage): boolean {
  const { op, checksum } = message.header;
  return journal.header(op) === null || journal.has(op, checksum)
    ? journal.isNack(op)
    : !journal.isFaulty(op);
}
