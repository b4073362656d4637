import type { Happening, Observed } from '../cluster/observer.ts';
import { isAbout, opOf } from './about-op.ts';
import { happeningText, traceLine } from './trace-line.ts';

/** A replica that ended itself for good. */
export interface Stop {
  readonly slot: number;
  readonly reason: string;
  readonly event: number;
  /** Trace line of what it was given in that event; null where it was a tick, an I/O or work. */
  readonly on: string | null;
}

/** Lies as they arrived. */
export interface Lies {
  /** By kind, how many. */
  readonly kinds: ReadonlyMap<string, number>;
  /** Trace lines of the first of all, and of the last one to whom it is about, or else of all. */
  readonly first: string;
  readonly last: string;
}

interface Line {
  readonly event: number;
  readonly text: string;
  /** The same for lines that differ in nothing but their numbers. */
  readonly kind: string;
}

const LINES_MAX = 12;
/** What happened in so many events before the failure may have to do with it. */
const EVENTS_NEAR = 1_000;
/** Of who is stuck: some tens of seconds, in which all is tried that is tried at all. */
const EVENTS_NEAR_STUCK = 20_000;

/**
 * Gathers from a replay what a diagnosis is made of. What an event holds may be gone after the
 * call, all but messages, so lines of it are made at once, where they may be shown.
 */
export class Evidence {
  /** The last replica that stopped; null for none. */
  stop: Stop | null;
  /** The last thing that was seen. */
  last: Observed | null;
  /** Lines of the last commit of an op that nobody had committed, and of the last new primary. */
  lastCommit: string | null;
  lastPrimary: string | null;
  /** How all stand at the end of a run that did not converge: the core, then each replica. */
  readonly standing: Observed[];
  private readonly op: number | null;
  private readonly nearFrom: number;
  private readonly replicaCount: number;
  private commitHead: number;
  /** The op that something was about last, and when. */
  private lastOp: { readonly event: number; readonly op: number } | null;
  private readonly aboutOp: Line[];
  /** By replica, and under null what happened to none: the last before the failure. */
  private readonly near: Map<number | null, Line[]>;
  /** By replica: the message that came last. */
  private readonly given: Map<number, Observed>;
  private readonly lieKinds: Map<string, number>;
  private firstLie: Observed | null;
  private lastLie: Observed | null;
  /** By replica: the last one that came to it. */
  private readonly lies: Map<number, Observed>;

  /** `op`: the one that the failure names, or null; `failedAt`: the event of the failure. */
  constructor(about: {
    readonly op: number | null;
    readonly failedAt: number;
    /** The core did not converge. */
    readonly stuck: boolean;
    readonly replicaCount: number;
  }) {
    this.stop = null;
    this.last = null;
    this.lastCommit = null;
    this.lastPrimary = null;
    this.standing = [];
    this.op = about.op;
    this.nearFrom = about.failedAt - (about.stuck ? EVENTS_NEAR_STUCK : EVENTS_NEAR);
    this.replicaCount = about.replicaCount;
    this.commitHead = 0;
    this.lastOp = null;
    this.aboutOp = [];
    this.near = new Map();
    this.given = new Map();
    this.lieKinds = new Map();
    this.firstLie = null;
    this.lastLie = null;
    this.lies = new Map();
  }

  observe(seen: Observed): void {
    const { what, slot, event } = seen;
    if (what.kind === 'stuck') {
      this.standing.push(seen);
      return;
    }
    this.last = seen;
    if (what.kind === 'message' || what.kind === 'undecodable') this.onArrival(seen, what);
    if (what.kind === 'trace') this.onTrace(seen, what.event);
    if (what.kind === 'stopped' && slot !== null) {
      const given = this.given.get(slot);
      const on = given?.event === event ? traceLine(given).trimEnd() : null;
      this.stop = { slot, reason: what.reason, event, on };
    }
    const op = opOf(seen);
    if (op !== null) this.lastOp = { event, op };
    const about = this.op !== null && isAbout(seen, this.op);
    const near = event > this.nearFrom && !this.isChatter(what);
    if (!about && !near) return;
    const line = lineOf(seen);
    if (about) this.aboutOp.push(line);
    if (about && this.aboutOp.length > LINES_MAX) this.aboutOp.shift();
    if (!near) return;
    const lines = this.near.get(slot) ?? [];
    this.near.set(slot, lines);
    lines.push(line);
  }

  /** The op that the last thing of this event was about that was about one; null for none. */
  opIn(event: number): number | null {
    return this.lastOp?.event === event ? this.lastOp.op : null;
  }

  /** The last lines about the op that the failure names; empty without one. */
  linesAboutOp(): readonly string[] {
    return this.aboutOp.map(({ text }) => text);
  }

  /** The very last; empty where nothing was seen. */
  lastLine(): readonly string[] {
    return this.last === null ? [] : [traceLine(this.last).trimEnd()];
  }

  /** The last lines of these replicas before the failure, in the order of events. */
  linesOf(slots: readonly (number | null)[]): readonly string[] {
    return this.nearLines(slots)
      .slice(-LINES_MAX)
      .map(({ text }) => text);
  }

  /**
   * Of lines that differ in nothing but their numbers the last one alone, and how many there are:
   * who is stuck does the same things again and again.
   */
  kindsOf(slots: readonly number[]): readonly string[] {
    const kinds = new Map<string, { last: Line; count: number }>();
    for (const line of this.nearLines(slots)) {
      const count = (kinds.get(line.kind)?.count ?? 0) + 1;
      // Put anew, so that the order is that of the last ones.
      kinds.delete(line.kind);
      kinds.set(line.kind, { last: line, count });
    }
    return [...kinds.values()]
      .slice(-LINES_MAX)
      .map(({ last, count }) => (count === 1 ? last.text : `${last.text} (${count} like this)`));
  }

  private nearLines(slots: readonly (number | null)[]): readonly Line[] {
    const lines = slots.flatMap((slot) => this.near.get(slot) ?? []);
    return lines.sort((first, other) => first.event - other.event);
  }

  /** The last lines of all. */
  linesOfAll(): readonly string[] {
    return this.linesOf([...this.near.keys()]);
  }

  /** Lies that arrived, above all at this replica; null for none. */
  liesTo(slot: number | null): Lies | null {
    const { firstLie, lastLie, lieKinds } = this;
    if (firstLie === null || lastLie === null) return null;
    const told = slot === null ? undefined : this.lies.get(slot);
    const first = traceLine(firstLie).trimEnd();
    return { kinds: lieKinds, first, last: traceLine(told ?? lastLie).trimEnd() };
  }

  /** What comes again and again, whatever happens, and would hide the rest. */
  private isChatter(what: Happening): boolean {
    if (what.kind !== 'message' || what.lie !== null) return false;
    const { command } = what.message.header;
    return what.from >= this.replicaCount || command === 'ping' || command === 'pong';
  }

  private onArrival(
    seen: Observed,
    { lie }: Extract<Happening, { kind: 'message' | 'undecodable' }>,
  ): void {
    if (seen.slot !== null) this.given.set(seen.slot, seen);
    if (lie === null) return;
    this.lieKinds.set(lie, (this.lieKinds.get(lie) ?? 0) + 1);
    this.firstLie ??= seen;
    this.lastLie = seen;
    if (seen.slot !== null) this.lies.set(seen.slot, seen);
  }

  private onTrace(seen: Observed, event: Extract<Happening, { kind: 'trace' }>['event']): void {
    if (event.kind === 'primary') this.lastPrimary = traceLine(seen).trimEnd();
    if (event.kind !== 'committed' || event.op <= this.commitHead) return;
    this.commitHead = event.op;
    this.lastCommit = traceLine(seen).trimEnd();
  }
}

function lineOf(seen: Observed): Line {
  const { what, slot, event } = seen;
  const words = happeningText(what).replace(/\b([0-9a-f]{6}|[0-9]+)\b/g, '#');
  const kind = `${slot} ${what.kind === 'message' ? what.from : ''} ${words}`;
  return { event, text: traceLine(seen).trimEnd(), kind };
}
