import type { LogHeader } from '../../message/header-list.ts';
import { Op, opPrevious } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';
import { fatal } from '../report.ts';

/**
 * The chain of headers (rule chain-complete). After a start_view nothing above the last committed
 * op is trusted until the headers from there to the new head are linked by parent checksums: an old
 * prepare of a given-up log may stand in any slot between.
 */
export function restartChain(r: Replica): void {
  r.chainOp = r.op;
  extendChain(r);
}

/**
 * A new log: its head and the headers below it take the place of what the journal has above them.
 * The checkpoint is already the one that this log stands on.
 */
export function installHeaders(
  r: Replica,
  log: { readonly op: Op; readonly headers: readonly (LogHeader | null)[] },
): void {
  r.journal.truncate(log.op);
  for (const entry of log.headers.toReversed()) {
    if (entry === null) continue;
    const { op } = entry.header;
    if (op > r.checkpoint.op || op === log.op) r.journal.setHeader(entry);
  }
  r.op = log.op;
  // From here on these speak for the log; those of the view before would vouch for what they name.
  r.viewChange.headers = log.headers;
  restartChain(r);
  r.viewChange.headers = logSuffix(r);
}

/** Walks down from the lowest chained op as far as headers link; drops one that does not belong. */
export function extendChain(r: Replica): void {
  const floor = r.checkpoint.op;
  while (r.chainOp > floor + 1) {
    const current = r.journal.header(r.chainOp);
    const below = r.journal.header(opPrevious(r.chainOp));
    if (current === null || below === null) return;
    if (current.header.parent !== below.header.checksum) {
      if (below.header.op <= r.commitMin) {
        // What this replica executed is not in the cluster's log.
        fatal(r, 'diverged');
        return;
      }
      r.journal.dropHeader(below.header.op);
      return;
    }
    r.chainOp = opPrevious(r.chainOp);
  }
}

/** Whether every op above what is executed is linked to the head. */
export function isChainComplete(r: Replica): boolean {
  return r.op <= r.commitMin || r.chainOp <= r.commitMin + 1;
}

/**
 * Headers of the head and the `pipelineMax` ops below it; null for what is unknown or not to be
 * trusted. The head is known. Below a gap only three things speak for the log of log_view: what the
 * superblock names, what was executed, and what log_view itself prepared, for one view gives an op
 * to one prepare only. All else may be of a log that was given up, which stands there until the
 * chain replaces it.
 */
export function logSuffix(r: Replica): (LogHeader | null)[] {
  const headers: (LogHeader | null)[] = [];
  for (let distance = 0; distance <= r.config.pipelineMax && distance <= r.op; distance += 1) {
    const op = Op(r.op - distance);
    const entry = r.journal.header(op);
    headers.push(entry !== null && isTrusted(r, entry) ? entry : null);
  }
  return headers;
}

function isTrusted(r: Replica, { header }: LogHeader): boolean {
  if (header.op >= r.chainOp) return true;
  // The headers that stand in the superblock are the log of log_view. Left out, a committed op
  // would seem to have been given up, and copies of it in logs of older views would deny it.
  const named = r.viewChange.headers.some((known) => known?.header.checksum === header.checksum);
  if (named) return true;
  // A copy whose redundant header is unreadable speaks for the log only where the chain needs it.
  if (r.journal.isDoubtful(header.op)) return false;
  // What a checkpoint covers may never have been executed here: it came with a state transfer.
  const executed = header.op <= r.commitMin && header.op > r.checkpoint.op;
  return executed || header.view === r.logView;
}
