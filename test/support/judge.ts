import type { Call, Result } from '@kimberlite/kernel';
import { revisionTaken } from '@kimberlite/kernel';
import {
  checkHistory,
  type HistoryVerdict,
  type KernelOperation,
  kernelHistoryModel,
} from '@kimberlite/sim';
import { LEDGER } from './history-client.ts';
import { SPOILS } from './spoil.ts';

const utf8 = new TextEncoder();

const ledger = utf8.encode(LEDGER);

export function verdictOf(history: readonly KernelOperation[]): HistoryVerdict<Call, Result> {
  return checkHistory(history, kernelHistoryModel({ history, unread: [ledger] }));
}

/** How the checker judges each of the ten spoilt versions of a history. */
export function spoiltVerdicts(history: readonly KernelOperation[]): Record<string, string> {
  const verdicts: Record<string, string> = {};
  for (const [name, spoil] of Object.entries(SPOILS)) {
    const spoilt = spoil(history);
    verdicts[name] = spoilt === null ? 'no place to spoil' : verdictOf(spoilt).kind;
  }
  return verdicts;
}

/** A verdict for people. */
export function describeVerdict(verdict: HistoryVerdict<Call, Result>): string {
  if (verdict.kind !== 'not_linearizable') return verdict.kind;
  const stuck = verdict.stuck.map((operation) => JSON.stringify(operation, readable)).join('\n');
  return `after ${verdict.placed} operations, in state ${verdict.state}, none fits of:\n${stuck}`;
}

function readable(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : value;
}

/**
 * Closes what is open about the ledger: an unanswered put that is in it at the end did happen, at
 * the revision that it has there, and before it was read.
 */
export function withLedger(
  history: readonly KernelOperation[],
  entries: ReadonlyMap<string, { readonly value: string; readonly revision: number }>,
): KernelOperation[] {
  const last = Math.max(...history.map(({ start, end }) => end ?? start));
  return history.map((operation, at) => {
    const { input, output } = operation;
    if (input.kind !== 'put' || output !== null || !isLedger(input)) return operation;
    const entry = entries.get(Buffer.from(input.key).toString());
    if (entry === undefined) return operation;
    const result: Result = { kind: 'put', revision: entry.revision, previous: null };
    return { ...operation, output: result, end: last + 1 + at };
  });
}

/** Acknowledged puts of the ledger that are not there as they were acknowledged. */
export function missingFromLedger(
  history: readonly KernelOperation[],
  entries: ReadonlyMap<string, { readonly value: string; readonly revision: number }>,
): string[] {
  return history.flatMap(({ input, output }) => {
    if (input.kind !== 'put' || output === null || !isLedger(input)) return [];
    const key = Buffer.from(input.key).toString();
    const entry = entries.get(key);
    const value = Buffer.from(input.value).toString();
    const isThere = entry?.value === value && entry.revision === revisionTaken(output);
    return isThere ? [] : [key];
  });
}

function isLedger(call: Call): boolean {
  return Buffer.from(call.namespace).equals(Buffer.from(ledger));
}
