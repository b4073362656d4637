import { makeFault, type ServerFault, systemCode } from '../errors.ts';

/**
 * What becomes of an I/O that failed: decided here and nowhere else.
 *
 * A write that failed ends the process. After a failed sync nobody knows which bytes are on the
 * medium: the kernel marks the pages clean, so a second sync would succeed without them. A new
 * process reads everything again and verifies each checksum. Going on would risk acknowledging
 * what is not there.
 *
 * The one exception is a growth of the file that finds no room. Only zeros were to be written, and
 * nothing was claimed of them, so whatever became of them nothing is lost: what needs the room
 * waits for it (BlockRoom). A new process would come to the same block, and end again, as would its
 * peers, whose files are alike.
 *
 * A read that failed is corruption of that place: the core repairs it from its peers.
 */
export type WriteDecision =
  | { readonly kind: 'retry' }
  /** Of a growth alone: what was written of it counts, and it is asked for again later. */
  | { readonly kind: 'no_room' }
  | { readonly kind: 'die'; readonly fault: ServerFault };

/** A write that did not move on, and whether it was of zeros for a growth of the file. */
export interface Tried {
  readonly retries: number;
  readonly isGrowth: boolean;
}

/** Calls in a row that may be interrupted or write nothing before that counts as a failure. */
const RETRIES_MAX = 8;

const FULL: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];
const INTERRUPTED: readonly string[] = ['EINTR', 'EAGAIN'];

/** Decides on a failed write of the data file. */
export function decideWriteError(error: unknown, path: string, write: Tried): WriteDecision {
  const code = systemCode(error);
  if (INTERRUPTED.includes(code) && write.retries < RETRIES_MAX) return { kind: 'retry' };
  if (write.isGrowth && FULL.includes(code)) return { kind: 'no_room' };
  return { kind: 'die', fault: writeFault(code, path) };
}

/**
 * Decides on a failed sync of the data file: never tried again, for the second one would lie. Nor
 * is it one of a growth alone: what it says may be of any write that was in flight.
 */
export function decideSyncError(error: unknown, path: string): WriteDecision {
  return { kind: 'die', fault: writeFault(systemCode(error), path) };
}

function writeFault(code: string, path: string): ServerFault {
  if (FULL.includes(code)) {
    return makeFault('disk_full', `no room for a write to ${path}: ${code}`);
  }
  return makeFault('write_failed', `a write to ${path} failed: ${code}`);
}

/** Decides on a write that returned without an error but wrote nothing. */
export function decideEmptyWrite(path: string, write: Tried): WriteDecision {
  if (write.retries < RETRIES_MAX) return { kind: 'retry' };
  if (write.isGrowth) return { kind: 'no_room' };
  return { kind: 'die', fault: makeFault('write_failed', `${path} takes no more bytes`) };
}

/** Whether a failed read is worth another try; otherwise the place counts as corrupt. */
export function retryRead(error: unknown, retries: number): boolean {
  return INTERRUPTED.includes(systemCode(error)) && retries < RETRIES_MAX;
}
