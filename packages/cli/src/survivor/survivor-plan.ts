import type { AdoptedState, Identity, PrepareMessage } from '@kimberlite/vsr';
import { cliError } from '../fault.ts';
import type { DataFileReader } from '../inspect/data-file-reader.ts';
import { brokenLinks } from '../inspect/log-check.ts';
import { type FoundLog, readFoundLog, readSlot, slotOf } from '../inspect/log-reader.ts';

/** What the file of a survivor holds, and what of it a new cluster goes on from. */
export interface SurvivorPlan {
  readonly identity: Identity;
  readonly view: number;
  readonly logView: number;
  readonly checkpointOp: number;
  /** Newest op that is kept: the end of the unbroken log on this disk. */
  readonly adoptedOp: number;
  /** Microseconds since 1970 when it was prepared; 0 when nothing was ever written. */
  readonly adoptedTime: number;
  /**
   * Newest op that this file proves to be committed. What is kept above it may have been
   * acknowledged or not; what is missing below it certainly was committed, and is lost.
   */
  readonly committedOp: number;
  /** Newest op that the log names, though perhaps without having it. */
  readonly headOp: number;
  /** False: something unreadable may hide ops above the head. */
  readonly headCertain: boolean;
  /** Why the log ends at `adoptedOp` although it names more; null when it does not. */
  readonly brokenBy: string | null;
  readonly state: AdoptedState;
}

/**
 * Reads what a survivor has. Kept is the whole unbroken log, not only what is known to be
 * committed (docs/decisions/from-survivor.md). Throws CliError when there is nothing.
 */
export function planOf(
  file: DataFileReader,
  onProgress: (done: number, total: number) => void,
): SurvivorPlan {
  const { identity, view, logView, checkpoint, commitMax } = file.chosen.state;
  const found = readFoundLog(file, onProgress);
  const broken = brokenLinks(file, found).next().value ?? null;
  const { head, headCertain } = found.recovered;
  const adoptedOp = broken === null ? head : broken.op - 1;
  if (adoptedOp === 0) {
    const remedy = 'Nothing was changed. Format a new cluster instead.';
    throw cliError('refused', `${file.path} holds no op that could be kept`, remedy);
  }
  const log: PrepareMessage[] = [];
  for (let op = checkpoint.op + 1; op <= adoptedOp; op += 1) log.push(readOp(file, op));
  const last = log.at(-1)?.header;
  return {
    identity,
    view,
    logView,
    checkpointOp: checkpoint.op,
    adoptedOp,
    adoptedTime: last?.timestamp ?? checkpoint.timestampNext,
    committedOp: Math.max(commitMax, checkpoint.op, committedBy(found)),
    headOp: head,
    headCertain,
    brokenBy: broken === null ? null : broken.problem,
    state: { checkpoint, log },
  };
}

/** A prepare tells how far the log was committed when it was made. */
function committedBy(found: FoundLog): number {
  let committed = 0;
  for (const { entry } of found.recovered.slots) {
    if (entry !== null) committed = Math.max(committed, entry.header.commit);
  }
  return committed;
}

/** An op that was found whole a moment ago; the file is locked, so it still is. */
function readOp(file: DataFileReader, op: number): PrepareMessage {
  const { message, prepare } = readSlot(file, slotOf(file.config, op));
  if (message?.header.op === op) return message;
  throw cliError(
    'damaged',
    `op ${op} changed while it was read: ${prepare.fault ?? 'another op stands in its place'}`,
    'Check the device; try again.',
  );
}
