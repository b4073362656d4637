export {
  type BackupFrame,
  BackupFrameReader,
  encodeBackupFrame,
} from './backup/backup-frames.ts';
export {
  BACKUP_HEAD_SIZE,
  BACKUP_TRAILER_SIZE,
  type BackupHead,
  type BackupHeadFault,
  type BackupLayout,
  backupHeadSize,
  backupLayoutOf,
  decodeBackupHead,
  encodeBackupHead,
  encodeBackupTrailer,
} from './backup/backup-head.ts';
export { sha256 } from './checksum.ts';
export {
  type Configuration,
  type ConfigurationFault,
  type ConfigurationInputs,
  type ConfigurationSource,
  loadConfiguration,
} from './configuration/configuration.ts';
export { effectiveConfiguration } from './configuration/effective.ts';
export {
  CONFIGURATION_KEYS,
  type ConfigurationKey,
  clusterOf,
  configurationJsonSchema,
  environmentName,
  PROFILES,
  type Profile,
} from './configuration/schema.ts';
export {
  creationFault,
  ERRORS,
  type ErrorCode,
  faultLine,
  fileFault,
  isFault,
  listenFault,
  makeFault,
  type ServerFault,
  systemCode,
} from './errors.ts';
export { hex128 } from './hex128.ts';
export { type Address, formatAddress, parseAddress } from './network/address.ts';
export { NETWORK_DROP_REASONS, type NetworkDropReason } from './network/drop-reasons.ts';
export type { PeerStatus } from './network/peer-links.ts';
export { PORT_STEP, portsAt, type ReplicaPorts } from './network/ports.ts';
export { LOG_LEVELS, type LogLevel } from './observe/logger.ts';
export type { CounterRecord, StatusRecord } from './observe/status.ts';
export { statusJson, statusOf } from './observe/status-json.ts';
export { exitOnBug, exitWith } from './process-end.ts';
export { timeoutsOf } from './profile.ts';
export { VERSION } from './release.ts';
export type { RunningReplica, StartReplicaOptions } from './running-replica.ts';
export { startReplica } from './start-replica.ts';
export {
  machineFault,
  noFileFault,
  type OpenDataFile,
  openDataFile,
  superblockFault,
} from './storage/data-file.ts';
export {
  type BlockSource,
  type FormatDataFileOptions,
  formatDataFile,
  randomU128,
  type WrittenDataFile,
} from './storage/data-file-format.ts';
export { type CallDone, type FileCalls, systemCalls } from './storage/file-calls.ts';
export { type FileLock, lockFile } from './storage/file-lock.ts';
export type { IoMode } from './storage/io-mode.ts';
export { replayMachineOf } from './storage/replay-machine.ts';
export { syncDirectory } from './storage/sync-directory.ts';
export { THREAD_POOL_SIZE } from './storage/thread-pool.ts';
export { finishDataFile, isUnfinished, UnfinishedFile } from './storage/unfinished-file.ts';
export { RECOVERY_MACHINE } from './storage/unfinished-owner.ts';
export { neverRan } from './storage/unused-log.ts';
