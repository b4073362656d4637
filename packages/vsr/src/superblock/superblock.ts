import {
  assert,
  type ChecksumFunction,
  FOREST_ROOT_SIZE,
  readU64,
  readU128,
  writeU64,
  writeU128,
} from '@kimberlite/store';
import type { ClusterConfig } from '../config.ts';
import { type MachineIdentity, readMachineName, writeMachineName } from '../machine-identity.ts';
import { decodeHeaderList, encodeHeaderList, type LogHeader } from '../message/header-list.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import { Checksum, Op, View } from '../std/numbers.ts';
import { SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import { readConfig, writeConfig } from './config-fields.ts';
import {
  decodeIntroductions,
  encodeIntroductions,
  INTRODUCTIONS_SIZE,
  type Introductions,
} from './introductions.ts';

/** Which replica a data file belongs to; written by format and never changed. */
export interface Identity {
  readonly cluster: bigint;
  /** Member slot, 0–15. */
  readonly slot: number;
  readonly replicaCount: number;
  /** Stable member id for life; never used twice. */
  readonly member: bigint;
  /** Random, made at format: tells a re-formatted file from the one that made the promises. */
  readonly incarnation: bigint;
  readonly checksumName: ChecksumFunction['name'];
  readonly config: ClusterConfig;
  /** Whose state this is. */
  readonly machine: MachineIdentity;
}

/**
 * Names the state exactly after `op`. The same bytes on every replica: the hash of its encoding is
 * the checkpoint id, which travels in prepares so that divergence is found within one interval.
 */
export interface CheckpointRecord {
  readonly op: Op;
  /** Checksum of the prepare of `op`; the parent of op + 1. */
  readonly prepareChecksum: Checksum;
  /** First timestamp that an op above may carry, in microseconds. */
  readonly timestampNext: number;
  /** Id of the checkpoint before: the ids form a chain. */
  readonly parentId: Checksum;
  /** FOREST_ROOT_SIZE bytes; zeros name the empty state. */
  readonly forestRoot: Uint8Array;
}

/** The durable root of a replica. All of it moves in one atomic write (rule superblock-atomic). */
export interface SuperblockState {
  readonly identity: Identity;
  /** Grows by one with each write. */
  readonly sequence: number;
  /** Checksum of the superblock before: they form a chain. */
  readonly parent: Checksum;
  readonly view: View;
  /** The view whose log this is; at most `view`. */
  readonly logView: View;
  readonly commitMax: Op;
  readonly checkpoint: CheckpointRecord;
  /** It was taken over from a peer, and its blocks may not all be on this disk yet. */
  readonly syncing: boolean;
  /**
   * The checkpoint before, whose blocks stand until the next one is written. It is offered to
   * lagging replicas while `checkpoint` is not yet known to be durable on a quorum.
   */
  readonly checkpointPrevious: CheckpointRecord;
  /**
   * The head of the log as of logView and what stands below it, descending, null for unknown; when
   * logView < view exactly what do_view_change says (rule view-change-headers-durable).
   */
  readonly headers: readonly (LogHeader | null)[];
  /** Which files the replicas of this cluster live in, as far as this one has met them. */
  readonly introductions: Introductions;
}

/** One decoded copy. */
export interface SuperblockCopy {
  readonly checksum: Checksum;
  readonly state: SuperblockState;
}

/** Bytes of an encoded checkpoint record. */
export const CHECKPOINT_RECORD_SIZE = 256;
const MAGIC = 0x424d_494b; // "KIMB"
export const FORMAT_VERSION = 5;
/**
 * Where the fields of a copy stand. The checksum covers everything from `magic` on; the copy number
 * stands before it, so that the four copies hash alike. What no field names is zero.
 */
const OFFSET = {
  checksum: 0,
  copy: 16,
  magic: 32,
  formatVersion: 36,
  slot: 38,
  replicaCount: 39,
  checksumName: 40,
  headerCount: 42,
  syncing: 44,
  cluster: 48,
  member: 64,
  incarnation: 80,
  sequence: 96,
  parent: 104,
  view: 120,
  logView: 128,
  commitMax: 136,
  messageSizeMax: 144,
  walSlots: 148,
  pipelineMax: 152,
  checkpointInterval: 156,
  blockSize: 160,
  sessionsMax: 164,
  stateBytesMax: 168,
  historyRevisions: 176,
  machineId: 184,
  introductions: 256,
  machineName: 768,
  checkpoint: 1024,
  checkpointPrevious: 1024 + CHECKPOINT_RECORD_SIZE,
  headers: 1024 + 2 * CHECKPOINT_RECORD_SIZE,
} as const;
/** Headers that fit, far above the largest pipeline + 1. */
export const SUPERBLOCK_HEADERS_MAX: number = Math.floor(
  (SUPERBLOCK_COPY_SIZE - OFFSET.headers) / HEADER_SIZE,
);
const CHECKSUM_NAMES: readonly ChecksumFunction['name'][] = ['sha256-128', 'mix128'];

/** CHECKPOINT_RECORD_SIZE bytes; what no field names is zero. */
export function encodeCheckpoint(record: CheckpointRecord): Uint8Array {
  const bytes = new Uint8Array(CHECKPOINT_RECORD_SIZE);
  const view = new DataView(bytes.buffer);
  writeU64(view, 0, record.op);
  writeU64(view, 8, record.timestampNext);
  writeU128(view, 16, record.prepareChecksum);
  writeU128(view, 32, record.parentId);
  assert(record.forestRoot.length === FOREST_ROOT_SIZE, 'the root has its size');
  bytes.set(record.forestRoot, 64);
  return bytes;
}

/** Null when a number is out of range. Integrity is the caller's: these bytes are always hashed. */
export function decodeCheckpoint(bytes: Uint8Array): CheckpointRecord | null {
  if (bytes.length < CHECKPOINT_RECORD_SIZE) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, CHECKPOINT_RECORD_SIZE);
  const op = readU64(view, 0);
  const timestampNext = readU64(view, 8);
  if (Number.isNaN(op) || Number.isNaN(timestampNext)) return null;
  return {
    op: Op(op),
    timestampNext,
    prepareChecksum: Checksum(readU128(view, 16)),
    parentId: Checksum(readU128(view, 32)),
    forestRoot: bytes.slice(64, 64 + FOREST_ROOT_SIZE),
  };
}

/** What names a checkpoint, and with it the whole state: the hash of its record. */
export function checkpointId(record: CheckpointRecord, checksum: ChecksumFunction): Checksum {
  return checksum.hash(encodeCheckpoint(record));
}

/** One copy's bytes, number 0; see OFFSET for the layout. */
export function encodeSuperblock(state: SuperblockState, checksum: ChecksumFunction): Uint8Array {
  const bytes = new Uint8Array(SUPERBLOCK_COPY_SIZE);
  const view = new DataView(bytes.buffer);
  const { identity } = state;
  view.setUint32(OFFSET.magic, MAGIC, true);
  view.setUint16(OFFSET.formatVersion, FORMAT_VERSION, true);
  view.setUint8(OFFSET.slot, identity.slot);
  view.setUint8(OFFSET.replicaCount, identity.replicaCount);
  view.setUint8(OFFSET.checksumName, CHECKSUM_NAMES.indexOf(identity.checksumName));
  view.setUint16(OFFSET.headerCount, state.headers.length, true);
  view.setUint8(OFFSET.syncing, state.syncing ? 1 : 0);
  writeU128(view, OFFSET.cluster, identity.cluster);
  writeU128(view, OFFSET.member, identity.member);
  writeU128(view, OFFSET.incarnation, identity.incarnation);
  writeU64(view, OFFSET.sequence, state.sequence);
  writeU128(view, OFFSET.parent, state.parent);
  writeU64(view, OFFSET.view, state.view);
  writeU64(view, OFFSET.logView, state.logView);
  writeU64(view, OFFSET.commitMax, state.commitMax);
  const { config } = identity;
  writeConfig(view, OFFSET, config);
  writeU128(view, OFFSET.machineId, identity.machine.id);
  writeMachineName(bytes, OFFSET.machineName, identity.machine.name);
  bytes.set(encodeIntroductions(state.introductions), OFFSET.introductions);
  bytes.set(encodeCheckpoint(state.checkpoint), OFFSET.checkpoint);
  bytes.set(encodeCheckpoint(state.checkpointPrevious), OFFSET.checkpointPrevious);
  assert(state.headers.length <= SUPERBLOCK_HEADERS_MAX, 'the headers fit');
  bytes.set(encodeHeaderList(state.headers), OFFSET.headers);
  writeU128(view, OFFSET.checksum, checksum.hash(bytes.subarray(OFFSET.magic)));
  return bytes;
}

/** Writes the copy number into encoded bytes. */
export function stampCopy(bytes: Uint8Array, copy: number): void {
  bytes[OFFSET.copy] = copy;
}

/** Decodes copy number `copy`, or null when it is not a valid copy. */
export function decodeSuperblock(
  bytes: Uint8Array,
  copy: number,
  checksum: ChecksumFunction,
): SuperblockCopy | null {
  if (bytes.length !== SUPERBLOCK_COPY_SIZE) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const expected = readU128(view, OFFSET.checksum);
  if (expected === 0n || checksum.hash(bytes.subarray(OFFSET.magic)) !== expected) return null;
  if (
    bytes[OFFSET.copy] !== copy ||
    !bytes.subarray(OFFSET.copy + 1, OFFSET.magic).every((byte) => byte === 0)
  )
    return null;
  const state = decodeState(bytes, view, checksum);
  return state === null ? null : { checksum: Checksum(expected), state };
}

function decodeIdentity(bytes: Uint8Array, view: DataView): Identity | null {
  const checksumName = CHECKSUM_NAMES[view.getUint8(OFFSET.checksumName)];
  if (checksumName === undefined) return null;
  const config = readConfig(view, OFFSET);
  const name = readMachineName(bytes, OFFSET.machineName);
  if (config === null || name === null) return null;
  return {
    slot: view.getUint8(OFFSET.slot),
    replicaCount: view.getUint8(OFFSET.replicaCount),
    checksumName,
    cluster: readU128(view, OFFSET.cluster),
    member: readU128(view, OFFSET.member),
    incarnation: readU128(view, OFFSET.incarnation),
    config,
    machine: { name, id: readU128(view, OFFSET.machineId) },
  };
}

/** Whether these bytes call themselves a copy of a superblock, of whatever version or state. */
export function hasSuperblockMagic(copy: Uint8Array): boolean {
  if (copy.length < OFFSET.magic + 4) return false;
  return new DataView(copy.buffer, copy.byteOffset).getUint32(OFFSET.magic, true) === MAGIC;
}

function decodeState(
  bytes: Uint8Array,
  view: DataView,
  checksum: ChecksumFunction,
): SuperblockState | null {
  if (
    view.getUint32(OFFSET.magic, true) !== MAGIC ||
    view.getUint16(OFFSET.formatVersion, true) !== FORMAT_VERSION
  )
    return null;
  const identity = decodeIdentity(bytes, view);
  const introductions = decodeIntroductions(
    bytes.subarray(OFFSET.introductions, OFFSET.introductions + INTRODUCTIONS_SIZE),
  );
  const checkpoint = decodeCheckpoint(bytes.subarray(OFFSET.checkpoint));
  const checkpointPrevious = decodeCheckpoint(bytes.subarray(OFFSET.checkpointPrevious));
  const numbers = [
    readU64(view, OFFSET.sequence),
    readU64(view, OFFSET.view),
    readU64(view, OFFSET.logView),
    readU64(view, OFFSET.commitMax),
  ];
  const count = view.getUint16(OFFSET.headerCount, true);
  const syncing = view.getUint8(OFFSET.syncing);
  if (identity === null || introductions === null) return null;
  if (checkpoint === null || checkpointPrevious === null) return null;
  if (numbers.some(Number.isNaN)) return null;
  if (syncing > 1) return null;
  if (count < 1 || count > SUPERBLOCK_HEADERS_MAX) return null;
  const headers = decodeHeaderList(
    bytes.subarray(OFFSET.headers, OFFSET.headers + count * HEADER_SIZE),
    checksum,
  );
  if (headers === null || headers[0] === null) return null;
  const [sequence = 0, viewNumber = 0, logView = 0, commitMax = 0] = numbers;
  return {
    identity,
    sequence,
    parent: Checksum(readU128(view, OFFSET.parent)),
    view: View(viewNumber),
    logView: View(logView),
    commitMax: Op(commitMax),
    checkpoint,
    syncing: syncing === 1,
    checkpointPrevious,
    headers,
    introductions,
  };
}
