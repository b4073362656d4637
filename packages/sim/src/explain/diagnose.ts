import { TICK_MICROS } from '@kimberlite/vsr';
import { CHECKERS } from '../checkers/violation.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Observed } from '../cluster/observer.ts';
import type { RunResult } from '../run/run-seed.ts';
import type { Bundle } from './bundle.ts';
import { type EarlySign, EarlySigns, earlySignText } from './early-signs.ts';
import { Evidence, type Lies, type Stop } from './evidence.ts';
import { partsOf, type ReplayParts, replay, replayDifferences } from './replay.ts';
import { stopReasonText } from './stop-reasons.ts';
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
  /** In what the replay was not the run of the bundle, a line each: all below is of the replay. */
  readonly differences: readonly string[];
  /** The replica that ended itself, where that is the failure; else null. */
  readonly stop: Stop | null;
  /** How the core and each replica stood at the end, where it did not converge; else empty. */
  readonly standing: readonly string[];
  /** The last commit of all and the last new primary, where the core did not converge. */
  readonly progress: readonly string[];
  /** The lies that arrived; null for none. */
  readonly lies: Lies | null;
  /** The first thing that was wrong for who sees everything; null where nothing was. */
  readonly sign: EarlySign | null;
  /** What `lines` are about, in words. */
  readonly about: string;
  /** The last trace lines about the op, or else about who broke it, or else of all. */
  readonly lines: readonly string[];
}

/** Replays the failure once and tells what it was. */
export function diagnose(bundle: Bundle, parts: ReplayParts = {}): Diagnosis {
  const liveness = bundle.verdict === 'liveness';
  const named = numberAfter(bundle.message, 'op');
  const evidence = new Evidence({
    ...{ op: named, failedAt: bundle.event, stuck: liveness },
    replicaCount: bundle.options.replicaCount,
  });
  const signs = new EarlySigns();
  const run: { cluster: Cluster | null } = { cluster: null };
  const result = replay(bundle, {
    ...partsOf(parts),
    onCluster: (cluster) => {
      run.cluster = cluster;
      signs.attach(cluster);
    },
    observer: (seen) => {
      evidence.observe(seen);
      signs.observe(seen);
    },
  });
  const stop = isStop(bundle) ? evidence.stop : null;
  const blamed = numberAfter(bundle.message, 'replica');
  const culprit = liveness
    ? theOnlyStuck(evidence.standing, blamed)
    : (blamed ??
      stop?.slot ??
      run.cluster?.interrupted() ??
      lastToSpeak(evidence.last, result, bundle));
  const op = named ?? (liveness ? null : evidence.opIn(result.event));
  return {
    promise: promiseOf(bundle),
    slot: culprit,
    op,
    event: result.event,
    tick: Math.floor(result.micros / TICK_MICROS),
    differences: replayDifferences(bundle, result),
    stop,
    standing: evidence.standing.map((seen) => traceLine(seen).trimEnd()),
    progress: liveness ? progressOf(evidence) : [],
    lies: evidence.liesTo(culprit),
    sign: signs.first,
    ...linesOf(evidence, culprit, named),
  };
}

/** What led to it: about the op that the verdict names, the replica that it was, or all. */
function linesOf(
  evidence: Evidence,
  culprit: number | null,
  op: number | null,
): Pick<Diagnosis, 'about' | 'lines'> {
  const aboutOp = evidence.linesAboutOp();
  if (aboutOp.length > 0) {
    const end = evidence.standing.length > 0 ? [] : evidence.lastLine();
    const lines = aboutOp.at(-1) === end[0] ? aboutOp : [...aboutOp, ...end];
    return { about: `about op ${op}, and the last of all`, lines };
  }
  const stuck = lackingSlots(evidence.standing);
  if (stuck.length > 0) {
    const who = stuck.length === 1 ? 'replica' : 'replicas';
    return {
      about: `of ${who} ${stuck.join(', ')}, one of each kind`,
      lines: evidence.kindsOf(stuck),
    };
  }
  const own = culprit === null ? [] : evidence.linesOf([culprit]);
  if (own.length > 0) return { about: `of replica ${culprit}`, lines: own };
  return { about: 'of all', lines: evidence.linesOfAll() };
}

/** Whether a replica that ended itself is the failure, in the words of the cluster or the judge. */
function isStop({ message }: Bundle): boolean {
  return /\bgave up: |\breplica [0-9]+ stopped\b/.test(message);
}

/** Members of the core that do not meet a condition of their own. */
function lackingSlots(standing: readonly Observed[]): number[] {
  return standing.flatMap(({ slot, what }) =>
    slot !== null && what.kind === 'stuck' && what.lacks.length > 0 ? [slot] : [],
  );
}

/**
 * The one that is stuck while the others go on. Where there is no primary it is all of them
 * together; where all meet their conditions, it is whom the verdict names, if it names one.
 */
function theOnlyStuck(standing: readonly Observed[], blamed: number | null): number | null {
  const together = standing.some(
    ({ slot, what }) => slot === null && what.kind === 'stuck' && what.lacks.length > 0,
  );
  const [first, ...others] = lackingSlots(standing);
  if (together || others.length > 0) return null;
  return first ?? blamed;
}

function progressOf({ lastCommit, lastPrimary }: Evidence): string[] {
  return [
    lastCommit === null ? 'nothing was ever committed' : `the last commit: ${lastCommit.trim()}`,
    lastPrimary === null ? 'no primary ever began' : `the last primary: ${lastPrimary.trim()}`,
  ];
}

/** To whom the last of all happened, or else who sent it; null where that was no replica. */
function lastToSpeak(
  last: Observed | null,
  { event }: RunResult,
  { options }: Bundle,
): number | null {
  if (last === null || last.event !== event) return null;
  if (last.slot !== null || last.what.kind !== 'message') return last.slot;
  const { from } = last.what;
  return from < options.replicaCount ? from : null;
}

/** A diagnosis in a few lines. */
export function diagnosisText(found: Diagnosis): string {
  const who = found.slot === null ? 'no single replica' : `replica ${found.slot}`;
  const op = found.op === null ? 'no op' : `op ${found.op}`;
  return [
    ...section('NOT the same here:', found.differences),
    `broken: ${found.promise}`,
    `by ${who}, at ${op}, event ${found.event}, tick ${found.tick}`,
    ...stopLines(found.stop),
    ...section('at the end:', found.standing),
    ...found.progress,
    ...liesLines(found.lies),
    `first sign: ${earlySignText(found.sign)}`,
    ...section(`last trace lines ${found.about}:`, found.lines),
  ].join('\n');
}

function stopLines(stop: Stop | null): string[] {
  if (stop === null) return [];
  const { slot, reason, event, on } = stop;
  const stopped = `replica ${slot} stopped itself at event ${event}: ${stopReasonText(reason)}`;
  if (on === null) return [`${stopped}, at a tick, an I/O or work of its own`];
  return [`${stopped}, as it took`, `  ${on}`];
}

function liesLines(lies: Lies | null): string[] {
  if (lies === null) return [];
  const kinds = [...lies.kinds].map(([kind, count]) => `${count} of ${kind}`).join(', ');
  const lines = lies.first === lies.last ? [lies.first] : [lies.first, lies.last];
  return section(`lies that arrived: ${kinds}; the first and the last:`, lines);
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}

function promiseOf({ verdict, checker, message }: Bundle): string {
  if (checker !== null) return `${checker}: ${CHECKERS[checker]}`;
  return verdict === 'crash' ? `the code itself: ${message}` : message;
}

/** The number behind a word of a verdict, as in `replica 2`. */
function numberAfter(text: string, word: string): number | null {
  const found = new RegExp(`\\b${word} ([0-9]+)`).exec(text)?.[1];
  return found === undefined ? null : Number(found);
}
