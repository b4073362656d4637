import { unreachable } from '@kimberlite/store';
import type { Completion } from '../effect.ts';
import type { Replica } from '../replica.ts';
import { viewChangeTicksMax } from '../view-change/view-change-pace.ts';
import type { DiskWork } from './disk-hang.ts';

/**
 * How this replica's own disk does. Reads are kept apart from writes: a disk may give back what it
 * holds and take nothing new any more. What is read for peers or by the scrubber says nothing, for
 * nobody here waits for it.
 */
export interface DiskPace {
  /** Tick at which a write last ended, or none was under way. */
  writeProgress: number;
  readProgress: number;
  /** Ticks that one write takes, smoothed; 0 before the first. */
  writeTicks: number;
  readTicks: number;
  /** Ticks at which writes under way were asked for: by WAL slot, and of the superblock's copy. */
  readonly preparesSince: Map<number, number>;
  superblockSince: number;
  /** What it has stopped doing, once that was said. */
  hangs: DiskWork | null;
}

export function firstDiskPace(): DiskPace {
  return {
    writeProgress: 0,
    readProgress: 0,
    writeTicks: 0,
    readTicks: 0,
    preparesSince: new Map(),
    superblockSince: 0,
    hangs: null,
  };
}

/** Once a tick: a disk that was asked for nothing does not hang. */
export function watchDisk(r: Replica): void {
  const writing = r.journal.busy || r.superblock.busy || r.blockWrites > 0;
  if (!writing) r.disk.writeProgress = r.tick;
  const reading = r.blockReads + r.pipelineReading.size > 0 || r.commitReading !== null;
  if (!reading) r.disk.readProgress = r.tick;
}

/** So many times as long as usual, and a write or a read is overdue. */
const OVERDUE_TIMES = 4;

/** Ticks without any progress after which the disk is taken to hang. */
export function diskLimit(r: Replica, usual: number): number {
  return Math.max(
    r.timers.ticks('abdicate'),
    Math.min(OVERDUE_TIMES * usual, viewChangeTicksMax(r)),
  );
}

/** A body of the log goes to disk. */
export function onPrepareWriteBegun(r: Replica, walSlot: number): void {
  r.disk.preparesSince.set(walSlot, r.tick);
}

/** A copy of the superblock goes to disk; one at a time. */
export function onSuperblockWriteBegun(r: Replica): void {
  r.disk.superblockSince = r.tick;
}

/** The disk has done something. */
export function noteCompletion(r: Replica, event: Completion): void {
  const { disk } = r;
  switch (event.kind) {
    case 'prepare_written': {
      const since = disk.preparesSince.get(event.walSlot);
      disk.preparesSince.delete(event.walSlot);
      if (since !== undefined) learnWrite(r, r.tick - since);
      break;
    }
    case 'superblock_written':
      learnWrite(r, r.tick - disk.superblockSince);
      break;
    case 'headers_written':
    case 'blocks_written':
    case 'superblock_read': // The end of each write of a superblock.
      break;
    case 'prepare_read':
      if (event.purpose.kind !== 'serve') noteRead(r);
      return;
    case 'block_read':
      if (event.serveTo === null) noteRead(r);
      return;
    case 'headers_read':
      return;
    default:
      unreachable(event);
  }
  disk.writeProgress = r.tick;
}

/**
 * A write took so many ticks. What waits for disks waits longer where they are slow: otherwise a
 * new primary gives way before anybody can have acknowledged anything, and so does the next one.
 */
function learnWrite(r: Replica, ticks: number): void {
  r.disk.writeTicks = smoothed(r.disk.writeTicks, ticks);
  r.timers.adaptDisk(r.disk.writeTicks);
}

function noteRead(r: Replica): void {
  r.disk.readTicks = smoothed(r.disk.readTicks, r.tick - r.disk.readProgress);
  r.disk.readProgress = r.tick;
}

/** Weight of a sample above the mean, and of one below it: slowness is believed sooner. */
const ALPHA_UP = 0.5;
const ALPHA_DOWN = 0.2;

/** The mean with one more sample. */
function smoothed(mean: number, sample: number): number {
  const alpha = sample > mean ? ALPHA_UP : ALPHA_DOWN;
  return mean * (1 - alpha) + sample * alpha;
}
