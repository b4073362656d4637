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
export type * from './client/client-effect.ts';
export * from './client/client-session.ts';
export * from './client/query-session.ts';
export * from './config.ts';
export * from './format.ts';
export * from './host/create-host.ts';
export * from './host/host.ts';
export type * from './host/ports.ts';
export { type PartRead, recoverLog, type SlotRead } from './journal/recover.ts';
export type { SlotDecision } from './journal/recovery-table.ts';
export * from './membership.ts';
export * from './message/batch.ts';
export { readField, writeField } from './message/field.ts';
export * from './message/frame-decoder.ts';
export * from './message/header-list.ts';
export * from './message/hello.ts';
export * from './message/layout.ts';
export * from './message/message.ts';
export {
  decodeRecovered,
  decodeRecovery,
  encodeRecovery,
  type Recovery,
} from './message/recover-body.ts';
export * from './message/release.ts';
export { CORE_TABLES } from './replica/core-tables.ts';
export type { FatalReason } from './replica/effect.ts';
export { DROP_REASONS, type DropReason, VOTE_REASONS, type VoteReason } from './replica/reasons.ts';
export { MAX_INFLIGHT_PER_REPLICA } from './replica/repair-budget.ts';
export { TABLE_REPLACED_FILES } from './replica/replaced-files.ts';
export { SCRUB_DEFAULT, type ScrubOptions } from './replica/scrub.ts';
export { type Session, Sessions, sessionTables, TABLE_SESSIONS } from './replica/sessions.ts';
export type { ReplicaSnapshot } from './replica/snapshot.ts';
export type { Status } from './replica/status.ts';
export * from './replica/timeout-table.ts';
export { Timers } from './replica/timers.ts';
export type * from './replica/trace.ts';
export * from './state-machine.ts';
export * from './std/bitset.ts';
export * from './std/numbers.ts';
export * from './std/prng.ts';
export { snake } from './std/snake.ts';
export { TICK_MICROS } from './std/tick.ts';
export * from './storage-layout.ts';
export * from './superblock/config-fields.ts';
export {
  fileOf,
  type Introductions,
  type KnownFile,
  mutualIntroductions,
} from './superblock/introductions.ts';
export * from './superblock/read-superblock.ts';
export type * from './superblock/superblock.ts';
export {
  CHECKPOINT_RECORD_SIZE,
  checkpointId,
  decodeCheckpoint,
  decodeSuperblock,
  encodeCheckpoint,
  hasSuperblockMagic,
} from './superblock/superblock.ts';
export { type SuperblockFault, selectSuperblock } from './superblock/superblock-quorum.ts';
