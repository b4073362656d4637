import { assert, PAGE_SIZE_MAX, pageKeySizeMax, valueSizeMax } from '@kimberlite/store';
import { KNOWN_FILES_SIZE } from './message/known-files.ts';
import { HEADER_SIZE } from './message/layout.ts';
import { NUMBER_MAX } from './std/numbers.ts';

/**
 * Sizes of a cluster, chosen at format and the same on all members; a peer with others is refused
 * in the greeting. They feed the protocol's windows (slots ≥ I + D + p), so they never
 * change in the life of a cluster.
 */
export interface ClusterConfig {
  /**
   * Largest message (one prepare with its header), in bytes: 4 KiB to 1 MiB, a multiple of 4096.
   */
  readonly messageSizeMax: number;
  /** Prepares that the ring holds. A multiple of 16 (header sectors hold 16). */
  readonly walSlots: number;
  /** Uncommitted ops in flight, at most (p). */
  readonly pipelineMax: number;
  /** Ops between checkpoints (I). The deadline D is half of it. */
  readonly checkpointInterval: number;
  /**
   * Bytes of a block of a checkpoint: a multiple of 4096, at most 64 KiB, and so large that the
   * longest key and the longest reply fit.
   */
  readonly blockSize: number;
  /** Client sessions, at most; a register above evicts the one idle for the longest. */
  readonly sessionsMax: number;
  /**
   * Bytes that the state machine's keys and values may take, as it counts them (docs/kernel.md); 0
   * for no limit. What would take more is refused on every replica alike.
   */
  readonly stateBytesMax: number;
  /**
   * Revisions behind the newest that the state machine keeps readable (docs/kernel.md); 0 for none.
   */
  readonly historyRevisions: number;
}

/** What `format` chooses where nothing is said: a log of 256 MiB. */
export const CONFIG_DEFAULT: ClusterConfig = {
  messageSizeMax: 256 * 1024,
  walSlots: 1024,
  pipelineMax: 8,
  checkpointInterval: 640,
  blockSize: 16 * 1024,
  sessionsMax: 4096,
  stateBytesMax: 0,
  historyRevisions: 0,
};

/** `format --size dev`: a data file of tens of megabytes instead of hundreds. */
export const CONFIG_DEV: ClusterConfig = {
  ...CONFIG_DEFAULT,
  walSlots: 128,
  checkpointInterval: 72,
};

/** What VOPR runs: small, so that rings wrap and corner cases come early. */
export const CONFIG_SIMULATION: ClusterConfig = {
  messageSizeMax: 4096,
  walSlots: 32,
  pipelineMax: 4,
  checkpointInterval: 16,
  blockSize: 8192,
  sessionsMax: 7,
  stateBytesMax: 0,
  historyRevisions: 0,
};

/** Bytes of a key in a table, at most, whatever the block size. */
export const TABLE_KEY_MAX = 6144;

/** Sector of every aligned read and write, in bytes. */
export const SECTOR_SIZE = 4096;

/** Largest message of a cluster on the wire, in bytes: a prepare, or a block with its header. */
export function frameSizeMax(config: ClusterConfig): number {
  return Math.max(config.messageSizeMax, HEADER_SIZE + config.blockSize);
}

/**
 * D: nothing above checkpoint + D is prepared or acknowledged before that checkpoint is durable.
 */
export function checkpointDeadline(config: ClusterConfig): number {
  return config.checkpointInterval / 2;
}

/** Whether two members have the same sizes. */
export function configEquals(first: ClusterConfig, other: ClusterConfig): boolean {
  return (
    first.messageSizeMax === other.messageSizeMax &&
    first.walSlots === other.walSlots &&
    first.pipelineMax === other.pipelineMax &&
    first.checkpointInterval === other.checkpointInterval &&
    first.blockSize === other.blockSize &&
    first.sessionsMax === other.sessionsMax &&
    first.stateBytesMax === other.stateBytesMax &&
    first.historyRevisions === other.historyRevisions
  );
}

/** Bytes of the message that tells a log in a view change: a do_view_change is the larger one. */
function logMessageSize(pipelineMax: number): number {
  return HEADER_SIZE + KNOWN_FILES_SIZE + (pipelineMax + 1) * HEADER_SIZE;
}

/** The reason why the sizes cannot work together, or null. */
export function configFault(config: ClusterConfig): string | null {
  const { messageSizeMax, walSlots, pipelineMax, checkpointInterval, blockSize } = config;
  if (messageSizeMax % SECTOR_SIZE !== 0 || messageSizeMax < SECTOR_SIZE) {
    return 'message size must be a multiple of 4096';
  }
  if (messageSizeMax > 1024 * 1024) return 'message size must be at most 1 MiB';
  if (walSlots % 16 !== 0 || walSlots < 16) return 'WAL slots must be a multiple of 16';
  if (pipelineMax < 1 || pipelineMax > 30) return 'pipeline must be 1 to 30';
  if (logMessageSize(pipelineMax) > messageSizeMax) {
    return 'messages are too small for the headers of a pipeline';
  }
  if (checkpointInterval % 2 !== 0 || checkpointInterval < 2) {
    return 'checkpoint interval must be even';
  }
  if (walSlots < checkpointInterval + checkpointDeadline(config) + pipelineMax) {
    return 'WAL slots must be at least interval + interval / 2 + pipeline';
  }
  if (blockSize % SECTOR_SIZE !== 0) return 'block size must be a multiple of 4096';
  if (blockSize > PAGE_SIZE_MAX) return 'block size must be at most 64 KiB';
  if (messageSizeMax > valueSizeMax(blockSize)) return 'a block is too small for the messages';
  if (Math.min(messageSizeMax - HEADER_SIZE, TABLE_KEY_MAX) > pageKeySizeMax(blockSize)) {
    return 'a block is too small for the keys';
  }
  if (config.sessionsMax < 1) return 'at least one session';
  if (!isCount(config.stateBytesMax)) {
    return 'the limit of the state must be a number of bytes, or 0 for none';
  }
  if (!isCount(config.historyRevisions)) {
    return 'the history must be a number of revisions, or 0 for none';
  }
  return null;
}

/** As peers tell it each other when they greet. */
function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= NUMBER_MAX;
}

export function assertConfig(config: ClusterConfig): void {
  assert(configFault(config) === null, 'the sizes work together');
}
