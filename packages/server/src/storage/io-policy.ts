import { makeFault, type ServerFault, systemCode } from '../errors.ts';

/**
 * What becomes of an I/O that failed: decided here and nowhere else.
 *
 * A write that failed ends the process. After a failed sync nobody knows which bytes are on the
 * medium: the kernel marks the pages clean, so a second sync would succeed without them. A new
 * process reads everything again and verifies each checksum. Going on would risk acknowledging
 * what is not there.
 *
 * A read that failed is corruption of that place: the core repairs it from its peers.
 */
export type WriteDecision =
  | { readonly kind: 'retry' }
  | { readonly kind: 'die'; readonly fault: ServerFault };

/** Calls in a row that may be interrupted or write nothing before that counts as a failure. */
const RETRIES_MAX = 8;

const FULL: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];
const INTERRUPTED: readonly string[] = ['EINTR', 'EAGAIN'];

/** Decides on a failed write of the data file. */
export function decideWriteError(error: unknown, path: string, retries: number): WriteDecision {
  const code = systemCode(error);
  if (INTERRUPTED.includes(code) && retries < RETRIES_MAX) return { kind: 'retry' };
  return { kind: 'die', fault: writeFault(code, path) };
}

/** Decides on a failed sync of the data file: never tried again, for the second one would lie. */
export function decideSyncError(error: unknown, path: string): WriteDecision {
  return { kind: 'die', fault: writeFault(systemCode(error), path) };
}

function writeFault(code: string, path: string): ServerFault {
  if (FULL.includes(code)) {
    return makeFault('disk_full', `cannot grow ${path}: ${code}`);
  }
  return makeFault('write_failed', `a write to ${path} failed: ${code}`);
}

/** Decides on a write that returned without an error but wrote nothing. */
export function decideEmptyWrite(path: string, retries: number): WriteDecision {
  if (retries < RETRIES_MAX) return { kind: 'retry' };
  return { kind: 'die', fault: makeFault('write_failed', `${path} takes no more bytes`) };
}

/** Whether a failed read is worth another try; otherwise the place counts as corrupt. */
export function retryRead(error: unknown, retries: number): boolean {
  return INTERRUPTED.includes(systemCode(error)) && retries < RETRIES_MAX;
}
