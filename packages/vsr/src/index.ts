export {
  assert,
  type BlockReference,
  type ChecksumFunction,
  checksumOfDigest,
  Forest,
  inspectTree,
  nearestName,
  present,
  type Run,
  readU128,
  runViews,
  type TableOptions,
  type TreeContent,
  type TreeFault,
  unreachable,
  type Walk,
  type Walked,
  type WalkedRow,
  type WalkRoom,
} from '@kimberlite/store';
export {
  type BackupPoint,
  type BackupRefusal,
  backupOp,
} from './backup/backup-point.ts';
export {
  type BackupPiece,
  ReadOut,
  type ReadOutDisk,
  type ReadOutFailure,
  type ReadOutOptions,
  type ReadOutStep,
} from './backup/read-out.ts';
export { ReadOutStorage } from './backup/read-out-storage.ts';
export type { ClientEffect } from './client/client-effect.ts';
export {
  ClientSession,
  type ClientSessionOptions,
  type ClientSessionState,
} from './client/client-session.ts';
export {
  type Query,
  type QueryEffect,
  QuerySession,
  type QuerySessionOptions,
} from './client/query-session.ts';
export { CLOCK_TOLERANCE_MICROS } from './clock/cluster-clock.ts';
export {
  type ClusterConfig,
  CONFIG_DEFAULT,
  CONFIG_DEV,
  CONFIG_SIMULATION,
  checkpointDeadline,
  configEquals,
  configFault,
  frameSizeMax,
  SECTOR_SIZE,
  TABLE_KEY_MAX,
} from './config.ts';
export {
  type AdoptedState,
  type FormatOptions,
  type FormatWrite,
  formatReplica,
  recoveredFile,
  rootPrepare,
} from './format.ts';
export { createHost, type HostOptions } from './host/create-host.ts';
export type { ReplicaHost } from './host/host.ts';
export type {
  ClockPort,
  SchedulerPort,
  StoragePort,
  TracePort,
  TransportPort,
} from './host/ports.ts';
export { type PartRead, recoverLog, type SlotRead } from './journal/recover.ts';
export {
  isVouchedFor,
  journalWritesMax,
  partOf,
  readLengthOf,
  readSlotHeader,
  readSlotMessage,
  type SlotFacts,
  type SlotFault,
} from './journal/slot-read.ts';
export {
  isMachineName,
  MACHINE_NAME_MAX,
  type MachineIdentity,
  type MachineParts,
  machineIdentityOf,
  machineNameHash,
  readMachineName,
  writeMachineName,
} from './machine-identity.ts';
export {
  primarySlot,
  type Quorums,
  quorumsOf,
  RECOVERY_VOTERS_MIN,
  SLOT_COUNT,
  VOTERS_MAX,
} from './membership.ts';
export {
  BATCH_ENTRY_SIZE,
  type BatchEntry,
  batchEntrySize,
  OPERATION_FORGET_FILES,
  OPERATION_NOOP,
  OPERATION_RECOVER,
  OPERATION_REGISTER,
  OPERATION_USER_MIN,
  OPERATIONS_OF_CORE,
  readBatch,
  writeBatch,
} from './message/batch.ts';
export { readField, writeField } from './message/field.ts';
export {
  FrameDecoder,
  type FrameDecoderOptions,
  type FrameFault,
} from './message/frame-decoder.ts';
export { encodeHeaderList, type LogHeader, logHeaderOf } from './message/header-list.ts';
export { clientHello, sizesOf } from './message/hello.ts';
export {
  encodeKnownFiles,
  KNOWN_FILES_SIZE,
  type KnownFile,
  UNKNOWN_FILE,
} from './message/known-files.ts';
export {
  COMMAND_FIELDS_OFFSET,
  COMMANDS,
  COMMON_FIELDS,
  COMMON_LAYOUT,
  type Command,
  EVICTION_REASONS,
  type EvictionReason,
  FIELD_SIZES,
  type Field,
  type FieldsToSend,
  HEADER_SIZE,
  HELLO_ROLES,
  type Header,
  type HeaderOf,
  LAYOUTS,
  layoutOf,
  NO_REPLICA,
  OFFSET_CHECKSUM,
  OFFSET_CHECKSUM_BODY,
  OFFSET_CLUSTER,
  OFFSET_COMMAND,
  OFFSET_REPLICA,
  OFFSET_SIZE,
  OFFSET_VIEW,
  PROTOCOL_VERSION,
  REFUSAL_REASONS,
  REJECTION_REASONS,
  type ReadLevel,
  type RefusalReason,
  type RejectionReason,
  reasonName,
  STATUS_CODES,
} from './message/layout.ts';
export {
  type AnyMessage,
  type DecodeFault,
  decodeHeader,
  decodeMessage,
  encodeMessage,
  isCommand,
  type Message,
  type PrepareHeader,
  type PrepareMessage,
  peekSize,
  sealMessage,
} from './message/message.ts';
export {
  decodeRecovered,
  decodeRecovery,
  encodeRecovery,
  type Recovered,
  type Recovery,
} from './message/recover-body.ts';
export { releaseOf } from './message/release.ts';
export { BLOCK_CACHE_SIZE_DEFAULT } from './replica/create-replica.ts';
export { CORE_TABLES } from './replica/execution/core-tables.ts';
export {
  type Session,
  Sessions,
  sessionTables,
  TABLE_SESSIONS,
} from './replica/execution/sessions.ts';
export { FATAL_REASONS, type FatalReason } from './replica/fatal-reasons.ts';
export { DROP_REASONS, type DropReason, VOTE_REASONS, type VoteReason } from './replica/reasons.ts';
export { MAX_INFLIGHT_PER_REPLICA } from './replica/repair/repair-budget.ts';
export { SCRUB_DEFAULT, type ScrubOptions } from './replica/repair/scrub.ts';
export { type ReplicaSnapshot, SNAPSHOT_AT_START } from './replica/snapshot.ts';
export type { Status } from './replica/status.ts';
export {
  TIMEOUT_NAMES,
  TIMEOUT_RELATIONS,
  TIMEOUTS_DEFAULT,
  type TimeoutName,
  type TimeoutProfile,
  type TimeoutsFault,
  type TimeoutTable,
  timeoutRow,
  timeoutsFault,
  timeoutsOfProfile,
} from './replica/timeout-table.ts';
export type { CorruptPlace, TraceEvent } from './replica/trace.ts';
export {
  type ExecuteContext,
  type KeyNames,
  REPLY_BODY_MAX,
  type Request,
  type StateLimits,
  type StateMachine,
  type StateMeasure,
  TABLE_USER_MIN,
  type TableEntry,
  type TableReader,
} from './state-machine.ts';
export { MachineMisuse, StateMachineError, stateMachineFault } from './state-machine-error.ts';
export type { SlotSet } from './std/bitset.ts';
export { bytesText } from './std/bytes-text.ts';
export { Checksum, ClientId, Op, View, ZERO_CHECKSUM } from './std/numbers.ts';
export { Prng } from './std/prng.ts';
export { snake } from './std/snake.ts';
export { TICK_MICROS } from './std/tick.ts';
export {
  HEADERS_PER_SECTOR,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
  type Zone,
  zoneOffset,
  zoneSize,
} from './storage-layout.ts';
export { readConfig, writeConfig } from './superblock/config-fields.ts';
export { type HandedOver, handOver } from './superblock/hand-over.ts';
export { type Introductions, mutualIntroductions } from './superblock/introductions.ts';
export {
  decodeCopies,
  readSuperblock,
  readSuperblockIdentity,
} from './superblock/read-superblock.ts';
export {
  CHECKPOINT_RECORD_SIZE,
  type CheckpointRecord,
  checkpointId,
  decodeCheckpoint,
  decodeSuperblock,
  encodeCheckpoint,
  hasSuperblockMagic,
  type Identity,
  type SuperblockCopy,
  type SuperblockState,
} from './superblock/superblock.ts';
export { type SuperblockFault, selectSuperblock } from './superblock/superblock-quorum.ts';
