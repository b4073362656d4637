import { type LeveledTable, readU64, readU128, writeU64, writeU128 } from '@kimberlite/store';
import { SLOT_COUNT } from '../membership.ts';
import { setHas, setRemove } from '../std/bitset.ts';
import { Op } from '../std/numbers.ts';
import { fileOf, type KnownFile, withFile } from '../superblock/introductions.ts';
import { noWord } from './introduce.ts';
import type { Replica } from './replica.ts';
import { fatal, trace } from './send.ts';
import { updateSuperblock } from './superblock-update.ts';

/** Table of the core that holds the files which took the place of lost ones. */
export const TABLE_MEMBERS = 2;
/** Bytes of a record, and of the body of a `recover`: slot and zeros (8), then incarnation. */
const RECORD_SIZE = 24;
/** Bytes of the reply: the op since which the file counts, or zero. */
export const RECOVERED_SIZE = 8;
/** Fewer voters than this cannot do without one of them. */
const VOTERS_MIN = 3;

/** A slot whose file is lost, and the new file that shall take its place. */
export interface Recovery {
  readonly slot: number;
  readonly incarnation: bigint;
}

/** Body of the operation `recover`. */
export function encodeRecovery({ slot, incarnation }: Recovery): Uint8Array {
  const bytes = new Uint8Array(RECORD_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, slot);
  writeU128(view, 8, incarnation);
  return bytes;
}

/** Null when it is no recovery. */
export function decodeRecovery(body: Uint8Array): Recovery | null {
  if (body.length !== RECORD_SIZE || body.subarray(1, 8).some((byte) => byte !== 0)) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const incarnation = readU128(view, 8);
  return incarnation === 0n ? null : { slot: view.getUint8(0), incarnation };
}

/** The op since which the new file is the member's, from the reply; null when it was refused. */
export function decodeRecovered(reply: Uint8Array): Op | null {
  if (reply.length !== RECOVERED_SIZE) return null;
  const since = readU64(new DataView(reply.buffer, reply.byteOffset, RECOVERED_SIZE), 0);
  return Number.isNaN(since) || since === 0 ? null : Op(since);
}

/** Whether it is one at all: a pure function of the bytes and the membership. */
export function isRecoveryValid(r: Replica, body: Uint8Array): boolean {
  const recovery = decodeRecovery(body);
  if (recovery === null || r.replicaCount < VOTERS_MIN) return false;
  return setHas(r.voters, recovery.slot);
}

/**
 * Whether the primary must not give it a place in the log yet: a member that is heard is not lost,
 * and its file still keeps its promises. Not a refusal, which would be for good.
 */
export function isMemberAlive(r: Replica, body: Uint8Array): boolean {
  const recovery = decodeRecovery(body);
  if (recovery === null) return false;
  const { slot, incarnation } = recovery;
  if (fileOf(r.introductions, slot).incarnation === incarnation) return false;
  const heard = r.primary.heard[slot] ?? Number.NEGATIVE_INFINITY;
  return slot === r.slot || r.tick - heard <= r.timers.ticks('abdicate');
}

/**
 * The files that took the place of lost ones: replicated, so that every replica learns of them.
 * They are few, and always in memory too.
 */
export class Members {
  private readonly table: LeveledTable;
  private readonly bySlot: Map<number, KnownFile> = new Map();

  constructor(table: LeveledTable) {
    this.table = table;
  }

  /** Reads them, after a restore; false while blocks are wanted for it. */
  load(): boolean {
    this.bySlot.clear();
    const records = this.table.scan(new Uint8Array(0), null, SLOT_COUNT);
    if (records === 'wanted') return false;
    for (const { key, value } of records) {
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
      const file = { incarnation: readU128(view, 8), since: Op(readU64(view, 0)) };
      this.bySlot.set(key[0] ?? 0, file);
    }
    return true;
  }

  get(slot: number): KnownFile | null {
    return this.bySlot.get(slot) ?? null;
  }

  put(slot: number, file: KnownFile): void {
    const record = new Uint8Array(RECORD_SIZE);
    const view = new DataView(record.buffer);
    writeU64(view, 0, file.since);
    writeU128(view, 8, file.incarnation);
    this.bySlot.set(slot, file);
    this.table.put(new Uint8Array([slot]), record);
  }
}

/**
 * Executes a `recover` (rule recover-by-op): from this op on the new file is the member's, and the
 * old one is not. Asked again with the same file it changes nothing and answers as before.
 */
export function executeRecovery(r: Replica, op: Op, body: Uint8Array): Uint8Array {
  const reply = new Uint8Array(RECOVERED_SIZE);
  const recovery = decodeRecovery(body);
  const refused =
    recovery === null || r.replicaCount < VOTERS_MIN || !setHas(r.voters, recovery.slot);
  if (refused) return reply;
  const { slot, incarnation } = recovery;
  let file = r.members.get(slot);
  if (file?.incarnation !== incarnation) {
    file = { incarnation, since: op };
    r.members.put(slot, file);
    adoptFile(r, slot, file);
  }
  writeU64(new DataView(reply.buffer), 0, file.since);
  return reply;
}

/** The state was loaded: it may know of files that this replica has not heard of. */
export function adoptFiles(r: Replica): void {
  for (let slot = 0; slot < r.replicaCount; slot += 1) {
    const file = r.members.get(slot);
    if (file !== null) adoptFile(r, slot, file);
  }
}

function adoptFile(r: Replica, slot: number, file: KnownFile): void {
  const known = fileOf(r.introductions, slot);
  if (known.since >= file.since) return;
  if (known.incarnation !== file.incarnation) {
    if (slot === r.slot) {
      fatal(r, 'other_incarnation');
      return;
    }
    // What the old file promised or voted for is void, and the new one has not spoken yet.
    r.words[slot] = noWord();
    r.viewChange.ballots.delete(slot);
    r.viewChange.votes = setRemove(r.viewChange.votes, slot);
    trace(r, { kind: 'recovered', peer: slot, op: file.since });
  }
  r.introductions = withFile(r.introductions, slot, file);
  updateSuperblock(r);
}
