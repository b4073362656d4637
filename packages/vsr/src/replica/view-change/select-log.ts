import { assert } from '@kimberlite/store';
import type { Quorums } from '../../membership.ts';
import type { LogHeader } from '../../message/header-list.ts';
import { Op as makeOp, type Op, opMax, type View } from '../../std/numbers.ts';

/** One replica's do_view_change, decoded. */
export interface DvcLog {
  readonly replica: number;
  readonly logView: View;
  readonly op: Op;
  readonly commitMin: Op;
  /** From `op` downwards; null for unknown. The first is never null. */
  readonly headers: readonly (LogHeader | null)[];
  /** Bit i speaks of op - i. */
  readonly nackBits: number;
  readonly presentBits: number;
}

export interface SelectedLog {
  readonly kind: 'selected';
  readonly op: Op;
  /** Highest op that one of the logs proves committed. */
  readonly commitMax: Op;
  /** From `op` downwards; null for one that must be repaired (committed ones only). */
  readonly headers: readonly (LogHeader | null)[];
  /** Highest head of the canonical logs before anything was dropped. */
  readonly opBefore: Op;
  /** No op of the new view may carry a smaller timestamp. */
  readonly timestampFloor: number;
}

export type LogSelection =
  | SelectedLog
  /** Fewer logs than a view-change quorum. */
  | { readonly kind: 'awaiting_quorum' }
  /** The log of one more replica may decide whether this op was committed. */
  | { readonly kind: 'awaiting_repair'; readonly op: Op };

function headerAt(dvc: DvcLog, op: number): LogHeader | null {
  return op > dvc.op ? null : (dvc.headers[dvc.op - op] ?? null);
}

/** Whether two logs of one log_view hold different prepares at one op: one of them is a lie. */
export function logsConflict(first: DvcLog, other: DvcLog): boolean {
  if (first.logView !== other.logView) return false;
  for (let index = 0; index < first.headers.length; index += 1) {
    const entry = first.headers[index] ?? null;
    const same = entry === null ? null : headerAt(other, first.op - index);
    if (entry !== null && same !== null && entry.header.checksum !== same.header.checksum) {
      return true;
    }
  }
  return false;
}

function bit(bits: number, dvc: DvcLog, op: number): boolean {
  const index = dvc.op - op;
  return index >= 0 && index < dvc.headers.length && ((bits >>> index) & 1) === 1;
}

/**
 * Chooses the log of a new view (rules log-selection, nack-proof, corrupt-is-not-absent). Only logs
 * of the highest log_view are canonical: a longer log of an older view holds what was given up
 * since. Above what is known to be committed each op, in order, is
 *
 * 1. dropped, with all after it, when a nack quorum proves that it was never acknowledged widely
 *    enough to commit;
 * 2. else kept when its canonical header is known and some replica has the body;
 * 3. else awaited: to guess could lose an acknowledged write.
 */
export function selectLog(
  dvcs: readonly DvcLog[],
  options: {
    readonly quorums: Quorums;
    readonly pipelineMax: number;
  },
): LogSelection {
  const { quorums, pipelineMax } = options;
  if (dvcs.length < quorums.viewChange) return { kind: 'awaiting_quorum' };
  const logViewMax = Math.max(...dvcs.map((dvc) => dvc.logView));
  const canonical = dvcs.filter((dvc) => dvc.logView === logViewMax);
  const opBefore = makeOp(Math.max(...canonical.map((dvc) => dvc.op)));
  const commitMax = commitEvidence(dvcs, pipelineMax);
  if (commitMax > opBefore) return { kind: 'awaiting_repair', op: commitMax };

  let op = opBefore;
  for (let candidate = commitMax + 1; candidate <= opBefore; candidate += 1) {
    const header = canonicalHeader(canonical, candidate);
    if (countNacks(dvcs, { op: candidate, header, logViewMax }) >= quorums.nack) {
      op = makeOp(candidate - 1);
      break;
    }
    if (header === null || countCopies(dvcs, candidate, header) === 0) {
      return { kind: 'awaiting_repair', op: makeOp(candidate) };
    }
  }
  const headers = collectHeaders(dvcs, { canonical, op, length: pipelineMax + 1 });
  if (headers[0] === null || headers[0] === undefined) return { kind: 'awaiting_repair', op };
  const timestampFloor = Math.max(
    ...dvcs.map(({ headers: [head] }) => (head ? head.header.timestamp + head.header.count : 0)),
  );
  return { kind: 'selected', op, commitMax, headers, opBefore, timestampFloor };
}

/**
 * The highest op that is committed for certain: what a replica executed, what a prepare's header
 * says was committed when it was made, and what lies a whole pipeline below a head.
 */
function commitEvidence(dvcs: readonly DvcLog[], pipelineMax: number): Op {
  let commit = makeOp(0);
  for (const dvc of dvcs) {
    commit = opMax(commit, dvc.commitMin);
    commit = opMax(commit, makeOp(Math.max(0, dvc.op - pipelineMax)));
    for (const entry of dvc.headers) {
      if (entry !== null) commit = opMax(commit, entry.header.commit);
    }
  }
  return commit;
}

function canonicalHeader(canonical: readonly DvcLog[], op: number): LogHeader | null {
  let found: LogHeader | null = null;
  for (const dvc of canonical) {
    const entry = headerAt(dvc, op);
    if (entry === null) continue;
    assert(
      found === null || found.header.checksum === entry.header.checksum,
      'logs of one log_view agree',
    );
    found = entry;
  }
  return found;
}

function countNacks(
  dvcs: readonly DvcLog[],
  facts: { readonly op: number; readonly header: LogHeader | null; readonly logViewMax: number },
): number {
  const { op, header, logViewMax } = facts;
  // Where the canonical logs don't know the op, another log's copy denies it only if one of them
  // says itself that it never had it: unknown is not given up.
  const givenUp = dvcs.some(
    (dvc) => dvc.logView === logViewMax && (op > dvc.op || bit(dvc.nackBits, dvc, op)),
  );
  let nacks = 0;
  for (const dvc of dvcs) {
    const held = headerAt(dvc, op);
    if (op > dvc.op || bit(dvc.nackBits, dvc, op)) {
      nacks += 1;
    } else if (held !== null && held.header.checksum !== header?.header.checksum) {
      // It holds another prepare there: of an older log, and given up since.
      if (dvc.logView < logViewMax && (header !== null || givenUp)) nacks += 1;
    }
  }
  return nacks;
}

function countCopies(dvcs: readonly DvcLog[], op: number, header: LogHeader): number {
  return dvcs.filter(
    (dvc) =>
      bit(dvc.presentBits, dvc, op) &&
      headerAt(dvc, op)?.header.checksum === header.header.checksum,
  ).length;
}

/**
 * Headers of the chosen log from its head down: canonical ones, and of the other logs those that
 * their sender has executed (committed, hence the same everywhere).
 */
function collectHeaders(
  dvcs: readonly DvcLog[],
  facts: {
    readonly canonical: readonly DvcLog[];
    readonly op: Op;
    readonly length: number;
  },
): (LogHeader | null)[] {
  const { canonical, op, length } = facts;
  const headers: (LogHeader | null)[] = [];
  for (let distance = 0; distance < length && distance <= op; distance += 1) {
    const at = op - distance;
    let entry = canonicalHeader(canonical, at);
    if (entry === null) {
      for (const dvc of dvcs) {
        if (at <= dvc.commitMin) entry = entry ?? headerAt(dvc, at);
      }
    }
    const above = headers[distance - 1];
    if (entry !== null && above && above.header.parent !== entry.header.checksum) entry = null;
    headers.push(entry);
  }
  return headers;
}
