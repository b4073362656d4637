import { createHash } from 'node:crypto';
import { Extents, readU64, readU128, writeU64, writeU128 } from '@kimberlite/store';
import {
  type BackupPoint,
  backupOp,
  CHECKPOINT_RECORD_SIZE,
  type CheckpointRecord,
  type ClusterConfig,
  decodeCheckpoint,
  encodeCheckpoint,
  HEADER_SIZE,
  type MachineIdentity,
  readConfig,
  readMachineName,
  writeConfig,
  writeMachineName,
} from '@kimberlite/vsr';

/** Bytes of the head that are of fixed length. */
export const BACKUP_HEAD_SIZE = 4096;
/** Magic and SHA-256 of everything before. */
export const BACKUP_TRAILER_SIZE = 40;
export const BACKUP_VERSION = 2;
/** Of the head with the free set, at most: far above that of a block area of any size in use. */
export const BACKUP_HEAD_MAX: number = 256 * 1024 * 1024;

const MAGIC = 'KIMBACKU';
const TRAILER_MAGIC = 'KIMBAEND';
const HASH_SIZE = 32;

/**
 * Where the fields of the head stand; what no field names is zero. Behind the fixed part stand the
 * addresses in use, as a free set encodes them, then the size of each prepare (u32). The hash
 * covers all of it but itself.
 */
const OFFSET = {
  magic: 0,
  version: 8,
  slot: 10,
  replicaCount: 11,
  release: 12,
  cluster: 16,
  incarnation: 32,
  createdAt: 48,
  view: 56,
  logView: 64,
  op: 72,
  messageSizeMax: 80,
  walSlots: 84,
  pipelineMax: 88,
  checkpointInterval: 92,
  blockSize: 96,
  sessionsMax: 100,
  stateBytesMax: 104,
  usedSize: 112,
  blockCount: 120,
  logCount: 128,
  historyRevisions: 136,
  machineId: 144,
  machineName: 160,
  checkpoint: 256,
  fieldsEnd: 256 + CHECKPOINT_RECORD_SIZE,
  hash: BACKUP_HEAD_SIZE - HASH_SIZE,
} as const;

/** What a backup says of itself. */
export interface BackupHead {
  /** Of the server that read it out: major << 16 | minor << 8 | patch. */
  readonly release: number;
  /** Microseconds since 1970, by the clock of that server. */
  readonly createdAt: number;
  readonly cluster: bigint;
  readonly config: ClusterConfig;
  /** Whose state it is. */
  readonly machine: MachineIdentity;
  readonly slot: number;
  readonly replicaCount: number;
  readonly incarnation: bigint;
  readonly view: number;
  readonly logView: number;
  readonly checkpoint: CheckpointRecord;
  /** Newest op that it holds. */
  readonly op: number;
  /** Addresses of the blocks, as a free set encodes them. */
  readonly used: Uint8Array;
  /** Bytes of each prepare above the checkpoint, ascending by op. */
  readonly prepareSizes: readonly number[];
}

/** Why bytes are no head of a backup. */
export type BackupHeadFault =
  /** It does not begin as a backup does. */
  | 'foreign'
  /** It is one of another format version. */
  | 'version'
  /** Its head is not what was written. */
  | 'damaged';

/** Where everything stands in a backup file. */
export interface BackupLayout {
  readonly blocks: Extents;
  /** Of the first block; they stand in the order of their addresses. */
  readonly blocksOffset: number;
  /** Of each prepare; one more at the end. */
  readonly prepareOffsets: readonly number[];
  readonly trailerOffset: number;
  readonly fileSize: number;
}

export function backupHeadOf(
  point: BackupPoint,
  made: { readonly release: number; readonly createdAt: number },
): BackupHead {
  return {
    ...made,
    cluster: point.cluster,
    config: point.config,
    machine: point.machine,
    slot: point.slot,
    replicaCount: point.replicaCount,
    incarnation: point.incarnation,
    view: point.view,
    logView: point.logView,
    checkpoint: point.checkpoint,
    op: backupOp(point),
    used: point.used,
    prepareSizes: point.log.map(({ header }) => header.size),
  };
}

/** The bytes with which a backup of this head begins: `decodeBackupHead` reads them. */
export function encodeBackupHead(head: BackupHead): Uint8Array {
  const { used, prepareSizes, config } = head;
  const blocks = Extents.decode(used);
  const size = BACKUP_HEAD_SIZE + used.length + prepareSizes.length * 4;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from(MAGIC), OFFSET.magic);
  view.setUint16(OFFSET.version, BACKUP_VERSION, true);
  view.setUint8(OFFSET.slot, head.slot);
  view.setUint8(OFFSET.replicaCount, head.replicaCount);
  view.setUint32(OFFSET.release, head.release, true);
  writeU128(view, OFFSET.cluster, head.cluster);
  writeU128(view, OFFSET.incarnation, head.incarnation);
  writeU64(view, OFFSET.createdAt, head.createdAt);
  writeU64(view, OFFSET.view, head.view);
  writeU64(view, OFFSET.logView, head.logView);
  writeU64(view, OFFSET.op, head.op);
  writeConfig(view, OFFSET, config);
  writeU128(view, OFFSET.machineId, head.machine.id);
  writeMachineName(bytes, OFFSET.machineName, head.machine.name);
  writeU64(view, OFFSET.usedSize, used.length);
  writeU64(view, OFFSET.blockCount, blocks?.count ?? 0);
  view.setUint32(OFFSET.logCount, prepareSizes.length, true);
  bytes.set(encodeCheckpoint(head.checkpoint), OFFSET.checkpoint);
  bytes.set(used, BACKUP_HEAD_SIZE);
  prepareSizes.forEach((prepareSize, at) => {
    view.setUint32(BACKUP_HEAD_SIZE + used.length + at * 4, prepareSize, true);
  });
  bytes.set(hashOfHead(bytes), OFFSET.hash);
  return bytes;
}

/** Bytes of the whole head, by its fixed part, which is not verified yet. */
export function backupHeadSize(fixed: Uint8Array): number | BackupHeadFault {
  if (fixed.length < BACKUP_HEAD_SIZE) return 'foreign';
  const view = new DataView(fixed.buffer, fixed.byteOffset, BACKUP_HEAD_SIZE);
  if (Buffer.from(fixed.subarray(0, MAGIC.length)).toString('latin1') !== MAGIC) return 'foreign';
  const rest = readU64(view, OFFSET.usedSize) + view.getUint32(OFFSET.logCount, true) * 4;
  const size = BACKUP_HEAD_SIZE + rest;
  if (view.getUint16(OFFSET.version, true) !== BACKUP_VERSION) return 'version';
  return Number.isSafeInteger(size) && size <= BACKUP_HEAD_MAX ? size : 'damaged';
}

/** Reads a whole head, of the length that `backupHeadSize` gave. */
export function decodeBackupHead(bytes: Uint8Array): BackupHead | BackupHeadFault {
  const size = backupHeadSize(bytes);
  if (typeof size === 'string') return size;
  if (bytes.length !== size) return 'damaged';
  const hash = bytes.subarray(OFFSET.hash, BACKUP_HEAD_SIZE);
  if (!hashOfHead(bytes).equals(hash)) return 'damaged';
  if (bytes.subarray(OFFSET.fieldsEnd, OFFSET.hash).some((byte) => byte !== 0)) return 'damaged';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const head = readFields(bytes, view);
  return head !== null && isConsistent(head, readU64(view, OFFSET.blockCount)) ? head : 'damaged';
}

function readFields(bytes: Uint8Array, view: DataView): BackupHead | null {
  const config = readConfig(view, OFFSET);
  const checkpoint = decodeCheckpoint(bytes.subarray(OFFSET.checkpoint));
  const name = readMachineName(bytes, OFFSET.machineName);
  if (checkpoint === null || config === null || name === null) return null;
  const usedSize = readU64(view, OFFSET.usedSize);
  const sizesOffset = BACKUP_HEAD_SIZE + usedSize;
  const logCount = view.getUint32(OFFSET.logCount, true);
  return {
    release: view.getUint32(OFFSET.release, true),
    createdAt: readU64(view, OFFSET.createdAt),
    cluster: readU128(view, OFFSET.cluster),
    config,
    machine: { name, id: readU128(view, OFFSET.machineId) },
    slot: view.getUint8(OFFSET.slot),
    replicaCount: view.getUint8(OFFSET.replicaCount),
    incarnation: readU128(view, OFFSET.incarnation),
    view: readU64(view, OFFSET.view),
    logView: readU64(view, OFFSET.logView),
    checkpoint,
    op: readU64(view, OFFSET.op),
    used: bytes.slice(BACKUP_HEAD_SIZE, sizesOffset),
    prepareSizes: Array.from({ length: logCount }, (_, at) => {
      return view.getUint32(sizesOffset + at * 4, true);
    }),
  };
}

function isConsistent(head: BackupHead, blockCount: number): boolean {
  const { config, prepareSizes } = head;
  const numbers = [head.createdAt, head.view, head.logView, head.op];
  if (numbers.some((number) => Number.isNaN(number))) return false;
  if (Extents.decode(head.used)?.count !== blockCount) return false;
  if (head.op !== head.checkpoint.op + prepareSizes.length) return false;
  if (prepareSizes.length > config.walSlots) return false;
  return prepareSizes.every((size) => size >= HEADER_SIZE && size <= config.messageSizeMax);
}

/**
 * Where everything stands in the file of this head; offsets in bytes. Throws where `used` encodes
 * no set of addresses: a head from outside is decoded first, which checks that.
 */
export function backupLayoutOf(head: BackupHead): BackupLayout {
  const blocks = Extents.decode(head.used);
  if (blocks === null) throw new Error('a head is checked before its layout is asked for');
  const blocksOffset = BACKUP_HEAD_SIZE + head.used.length + head.prepareSizes.length * 4;
  const prepareOffsets = [blocksOffset + blocks.count * head.config.blockSize];
  for (const size of head.prepareSizes) prepareOffsets.push((prepareOffsets.at(-1) ?? 0) + size);
  const trailerOffset = prepareOffsets.at(-1) ?? 0;
  const fileSize = trailerOffset + BACKUP_TRAILER_SIZE;
  return { blocks, blocksOffset, prepareOffsets, trailerOffset, fileSize };
}

/** The end of a file whose other bytes hash to this SHA-256. */
export function encodeBackupTrailer(hash: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(TRAILER_MAGIC), hash]);
}

function hashOfHead(bytes: Uint8Array): Buffer {
  return createHash('sha256')
    .update(bytes.subarray(0, OFFSET.hash))
    .update(bytes.subarray(BACKUP_HEAD_SIZE))
    .digest();
}
