import { TICK_MICROS } from '@kimberlite/vsr';
import { CHECKERS } from '../checkers/violation.ts';
import type { Observed } from '../cluster/observer.ts';
import type { Workload } from '../workload/workload.ts';
import type { Bundle } from './bundle.ts';
import { replay } from './replay.ts';
import { traceLine } from './trace-line.ts';

/** What a failure means: which promise, by whom, where, and what led to it. */
export interface Diagnosis {
  /** The promise that was broken, in a sentence. */
  readonly promise: string;
  /** The replica that broke it; null where it was no single one. */
  readonly slot: number | null;
  /** The op that it is about; null for none. */
  readonly op: number | null;
  readonly event: number;
  readonly tick: number;
  /** The last trace lines about that op, or else that replica; at the end the last of all. */
  readonly lines: readonly string[];
}

const LINES_MAX = 12;
/** Where no op is named, what a replica did in so many events before the failure is looked at. */
const EVENTS_NEAR = 1_000;

/** Replays the failure once and tells what it was. */
export function diagnose(bundle: Bundle, workload?: () => Workload): Diagnosis {
  const named = numberAfter(bundle.message, 'op');
  const replica = numberAfter(bundle.message, 'replica');
  /** Lines about the op, under null; or those of each replica, as who fails is known at the end. */
  const told = new Map<number | null, string[]>();
  const last: { seen: Observed | null; line: string } = { seen: null, line: '' };
  const result = replay(bundle, {
    ...(workload === undefined ? {} : { workload }),
    observer: (seen) => {
      last.seen = seen;
      const near = seen.slot !== null && seen.event > bundle.event - EVENTS_NEAR;
      const about = named === null ? near : opOf(seen) === named;
      if (!about && seen.event < bundle.event) return;
      // What an event holds may be gone after the call, so lines are made at once.
      last.line = traceLine(seen);
      if (about) keep(told, named === null ? seen.slot : null, last.line);
    },
  });
  const slot = replica ?? last.seen?.slot ?? null;
  const lines = told.get(named === null ? slot : null) ?? [];
  if (last.line !== '' && lines.at(-1) !== last.line) lines.push(last.line);
  return {
    promise: promiseOf(bundle),
    slot,
    op: named ?? (last.seen === null ? null : opOf(last.seen)),
    event: result.event,
    tick: Math.floor(result.micros / TICK_MICROS),
    lines,
  };
}

/** Adds a line, and forgets the oldest of too many. */
function keep(told: Map<number | null, string[]>, about: number | null, line: string): void {
  const lines = told.get(about) ?? [];
  told.set(about, lines);
  lines.push(line);
  if (lines.length > LINES_MAX) lines.shift();
}

/** A diagnosis in a few lines. */
export function diagnosisText(found: Diagnosis): string {
  const who = found.slot === null ? 'no single replica' : `replica ${found.slot}`;
  const op = found.op === null ? 'no op' : `op ${found.op}`;
  return [
    `broken: ${found.promise}`,
    `by ${who}, at ${op}, event ${found.event}, tick ${found.tick}`,
    ...found.lines.map((line) => `  ${line.trimEnd()}`),
  ].join('\n');
}

function promiseOf({ verdict, checker, message }: Bundle): string {
  if (checker !== null) return `${checker}: ${CHECKERS[checker]}`;
  return verdict === 'crash' ? `the code itself: ${message}` : message;
}

/** The op that something is about; null for none. */
export function opOf({ what }: Observed): number | null {
  const fields: object = what.kind === 'trace' ? what.event : messageHeader(what);
  const op = 'op' in fields ? fields.op : null;
  return typeof op === 'number' ? op : null;
}

function messageHeader(what: Observed['what']): object {
  return what.kind === 'message' ? what.message.header : {};
}

/** The number behind a word of a verdict, as in `replica 2`. */
function numberAfter(text: string, word: string): number | null {
  const found = new RegExp(`\\b${word} ([0-9]+)`).exec(text)?.[1];
  return found === undefined ? null : Number(found);
}
