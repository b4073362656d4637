import { AssertionError, mix128 } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../config.ts';
import { type FormatOptions, type FormatWrite, formatReplica, recoveredFile } from '../format.ts';
import { SLOT_COUNT } from '../membership.ts';
import { UNKNOWN_FILE } from '../message/known-files.ts';
import { Op, View } from '../std/numbers.ts';
import { SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import { handOver } from './hand-over.ts';
import { decodeCopies } from './read-superblock.ts';
import type { SuperblockCopy } from './superblock.ts';
import { selectSuperblock } from './superblock-quorum.ts';

const OLD = { name: 'nobodys', id: 1n };
const NEW = { name: 'mine', id: 2n };
const FILE = { config: CONFIG_SIMULATION, cluster: 5n, slot: 1, replicaCount: 3 };
/** What a cluster said that has replaced this member's file, and another one before. */
const RECOVERED = recoveredFile({
  slot: FILE.slot,
  incarnation: 9n,
  recovered: {
    since: Op(70),
    files: Array.from({ length: SLOT_COUNT }, (_, slot) => {
      return slot === 2 ? { incarnation: 8n, since: Op(30) } : UNKNOWN_FILE;
    }),
  },
  view: View(3),
});

function write(zone: Uint8Array, writes: Iterable<FormatWrite>): void {
  for (const each of writes) if (each.zone === 'superblock') zone.set(each.bytes, each.offset);
}

function chosenOf(zone: Uint8Array): SuperblockCopy {
  const chosen = selectSuperblock(decodeCopies(zone, mix128));
  if (typeof chosen === 'string') throw new Error(chosen);
  return chosen;
}

function formatted(options: Pick<FormatOptions, 'machine' | 'incarnation'>): Uint8Array {
  const zone = new Uint8Array(SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE);
  write(zone, formatReplica({ ...FILE, checksum: mix128, ...options }));
  return zone;
}

describe('a file that is handed over', () => {
  it('is the file that would have been made, had all been known then', () => {
    const zone = formatted({ machine: OLD, incarnation: 9n });
    const before = chosenOf(zone);
    const { view, introductions } = RECOVERED;
    write(zone, handOver(before, NEW, mix128, { view, introductions }));
    const { state } = chosenOf(zone);
    const wanted = chosenOf(formatted({ machine: NEW, ...RECOVERED })).state;
    expect(state).toEqual({ ...wanted, sequence: 2, parent: before.checksum });
  });

  it('is the old owner’s or the new one’s, after however many copies', () => {
    const zone = formatted({ machine: OLD, incarnation: 9n });
    const owners = handOver(chosenOf(zone), NEW, mix128).map((copy) => {
      write(zone, [copy]);
      return chosenOf(zone).state.identity.machine.name;
    });
    expect(owners).toEqual(['nobodys', 'mine', 'mine', 'mine']);
  });

  it('knows itself by the number that it was made with', () => {
    const before = chosenOf(formatted({ machine: OLD, incarnation: 7n }));
    const { introductions } = RECOVERED;
    expect(() => handOver(before, NEW, mix128, { introductions })).toThrow(AssertionError);
  });
});
