import { FAULT_KINDS, type FaultGate, type FaultKind, type Removed } from '../faults/fault-gate.ts';
import type { RunResult } from '../run/run-seed.ts';
import type { Bundle } from './bundle.ts';
import { rangesWithout } from './ordinals.ts';
import { partsOf, type ReplayOptions, type ReplayParts, replay, sameFailure } from './replay.ts';

/** What is left of a failing run. */
export interface RunSize {
  readonly faults: number;
  readonly clients: number;
  readonly requests: number;
  readonly deliveries: number;
  readonly event: number;
}

export interface MinimizeProgress extends RunSize {
  readonly replays: number;
}

export interface MinimizeOptions extends ReplayParts {
  /** Replays at most; the smallest run found until then counts. */
  readonly replaysMax: number;
  /** Told after each replay. */
  readonly onProgress: (progress: MinimizeProgress) => void;
}

/** The smallest run that was found, and how much smaller it is. */
export interface Minimized {
  readonly bundle: Bundle;
  readonly replays: number;
  readonly before: RunSize;
  readonly after: RunSize;
  /** Nothing more can be left out one by one; false when the replays were used up first. */
  readonly complete: boolean;
}

/**
 * Looks for the smallest run that fails the same way: leaves out kinds of faults, clients, single
 * faults, requests and deliveries, and replays each candidate. Null when the bundle does not fail
 * here at all.
 */
export function minimize(bundle: Bundle, options: MinimizeOptions): Minimized | null {
  const first = replayNoted(bundle, partsOf(options));
  if (!sameFailure(bundle, first.result)) return null;
  const search = new Search(bundle, first, options);
  const before = search.size();
  const complete = search.run();
  return {
    bundle: search.smallest(),
    replays: search.replays,
    before,
    after: search.size(),
    complete,
  };
}

interface NotedRun {
  readonly result: RunResult;
  /** Knows the ordinals of what happened. */
  readonly gate: FaultGate | null;
}

function replayNoted(bundle: Bundle, options: ReplayOptions): NotedRun {
  let gate: FaultGate | null = null;
  const result = replay(bundle, {
    ...options,
    onCluster: ({ faults }) => {
      faults.record();
      gate = faults;
    },
  });
  return { result, gate };
}

/** Pieces of a list that are tried alone, at most. */
const PIECES_MAX = 16;
/** Kinds that are no faults: they make up the run itself. */
const EVENTS: readonly FaultKind[] = ['request', 'query', 'delivery'];
const FAULTS: readonly FaultKind[] = FAULT_KINDS.filter((kind) => !EVENTS.includes(kind));

/** A failing run that the search has come to. */
interface Found extends NotedRun {
  readonly removed: Removed;
  readonly size: RunSize;
}

/**
 * Goes from one failing run to the next, and remembers the smallest. A step may lead to a larger
 * one: without one kind of fault a run may meet more of the others, and have less to lose later.
 */
class Search {
  replays: number;
  private readonly bundle: Bundle;
  private readonly options: MinimizeOptions;
  private readonly eventsMax: number;
  /** From where the search goes on. */
  private now: Found;
  private best: Found;
  /** Only what is smaller is taken. */
  private onlyDown: boolean;

  constructor(bundle: Bundle, first: NotedRun, options: MinimizeOptions) {
    this.bundle = bundle;
    this.options = options;
    this.replays = 1;
    // A run that fails only later than the original is not looked for: it would take long.
    this.eventsMax = first.result.event;
    const { removed } = bundle;
    this.now = { ...first, removed, size: this.sizeOf(first, removed) };
    this.best = this.now;
    this.onlyDown = false;
  }

  /** Until nothing more can be left out: true; or until the replays are used up: false. */
  run(): boolean {
    this.walk();
    if (this.now !== this.best) {
      // It went astray at last. From the smallest on it goes down only, so it comes to an end.
      this.now = this.best;
      this.onlyDown = true;
      this.walk();
    }
    return !this.spent;
  }

  private walk(): void {
    let smaller = true;
    while (smaller && !this.spent) {
      smaller = this.removeKinds();
      smaller = this.removeClients() || smaller;
      smaller = this.removeOrdinals('request') || smaller;
      smaller = this.removeOrdinals('query') || smaller;
      const counts = FAULTS.map((kind) => ({ kind, left: this.left(kind).length }));
      counts.sort((first, other) => first.left - other.left);
      for (const { kind } of counts) smaller = this.removeOrdinals(kind) || smaller;
    }
    // Last, as it makes traces shorter but the story no simpler.
    while (!this.spent && this.removeOrdinals('delivery'));
  }

  /** With all named that is not left: of a kind that was reduced first, less may be left now. */
  smallest(): Bundle {
    const { result, removed, gate } = this.best;
    const left = FAULT_KINDS.filter((kind) => kind !== 'delivery').map(
      (kind) => [kind, gate?.ordinals(kind) ?? []] as const,
    );
    return {
      ...this.bundle,
      removed: without(
        removed,
        left.filter(([, ordinals]) => ordinals.length > 0),
      ),
      message: result.message,
      traceHash: result.traceHash,
      event: result.event,
      micros: result.micros,
    };
  }

  size(): RunSize {
    return this.best.size;
  }

  private sizeOf({ gate, result }: NotedRun, { clients }: Removed): RunSize {
    const left = (kind: FaultKind): number => gate?.ordinals(kind).length ?? 0;
    return {
      faults: FAULTS.reduce((sum, kind) => sum + left(kind), 0),
      clients: this.clientsBut(clients).length,
      requests: left('request') + left('query'),
      deliveries: left('delivery'),
      event: result.event,
    };
  }

  private get spent(): boolean {
    return this.replays >= this.options.replaysMax;
  }

  private removeKinds(): boolean {
    const present = FAULTS.filter((kind) => this.left(kind).length > 0);
    if (present.length === 0) return false;
    if (this.try(this.without(present.map((kind) => [kind, []])))) return true;
    let smaller = false;
    for (const kind of present) smaller = this.try(this.without([[kind, []]])) || smaller;
    return smaller;
  }

  private removeClients(): boolean {
    const keepSome = (kept: readonly number[]): boolean => {
      const all = Array.from({ length: this.bundle.options.clientCount }, (_, index) => index);
      const clients = all.filter((index) => !kept.includes(index));
      return this.try({ ...this.now.removed, clients });
    };
    return this.shrink(() => this.clientsLeft(), keepSome);
  }

  private removeOrdinals(kind: FaultKind): boolean {
    return this.shrink(
      () => this.left(kind),
      (kept) => this.try(this.without([[kind, kept]])),
    );
  }

  /**
   * Leaves out ever smaller pieces of a list, as long as what is kept fails: half of it, a quarter,
   * and so on to single ones. The list is asked for anew after each success: the run has changed.
   */
  private shrink(list: () => number[], keep: (kept: readonly number[]) => boolean): boolean {
    let smaller = false;
    let size = list().length;
    while (size >= 1 && !this.spent) {
      smaller = this.keepOne(list, size, keep) || smaller;
      let at = 0;
      for (let items = list(); at < items.length && !this.spent; items = list()) {
        const kept = [...items.slice(0, at), ...items.slice(at + size)];
        if (keep(kept)) smaller = true;
        else at += size;
      }
      size = size === 1 ? 0 : Math.ceil(Math.min(size, list().length) / 2);
    }
    return smaller;
  }

  /** Keeps one piece of the list and nothing else, if there is one that fails alone. */
  private keepOne(
    list: () => number[],
    size: number,
    keep: (kept: readonly number[]) => boolean,
  ): boolean {
    const items = list();
    if (size >= items.length || items.length > PIECES_MAX * size) return false;
    for (let at = 0; at < items.length && !this.spent; at += size) {
      if (keep(items.slice(at, at + size))) return true;
    }
    return false;
  }

  private clientsLeft(): number[] {
    return this.clientsBut(this.now.removed.clients);
  }

  private clientsBut(removed: readonly number[]): number[] {
    const all = Array.from({ length: this.bundle.options.clientCount }, (_, index) => index);
    return all.filter((index) => !removed.includes(index));
  }

  private left(kind: FaultKind): number[] {
    return [...(this.now.gate?.ordinals(kind) ?? [])];
  }

  private without(kept: Kept): Removed {
    return without(this.now.removed, kept);
  }

  /** Replays a candidate; the search goes on from it if it fails the same way. */
  private try(removed: Removed): boolean {
    if (this.spent) return false;
    this.replays += 1;
    const { eventsMax } = this;
    const run = replayNoted(this.bundle, { removed, eventsMax, ...partsOf(this.options) });
    const fails = sameFailure(this.bundle, run.result) && run.result.event <= eventsMax;
    const found: Found = { ...run, removed, size: this.sizeOf(run, removed) };
    const smaller = isSmaller(found.size, this.best.size);
    const taken = fails && (smaller || !this.onlyDown);
    if (taken) this.now = found;
    if (taken && smaller) this.best = found;
    this.options.onProgress({ replays: this.replays, ...this.size() });
    return taken;
  }
}

/** Ordinals by kind. */
type Kept = readonly (readonly [FaultKind, readonly number[]])[];

/** Of these kinds everything is removed but what is kept. */
function without(removed: Removed, kept: Kept): Removed {
  const faults = { ...removed.faults };
  for (const [kind, ordinals] of kept) faults[kind] = rangesWithout(ordinals);
  return { ...removed, faults };
}

/** What there is to understand about a run: faults, clients and what they ask. */
function partsIn({ faults, clients, requests }: RunSize): number {
  return faults + clients + requests;
}

/** Parts count first, then events, then deliveries. */
function isSmaller(size: RunSize, than: RunSize): boolean {
  const parts = partsIn(size) - partsIn(than);
  if (parts !== 0) return parts < 0;
  if (size.event !== than.event) return size.event < than.event;
  return size.deliveries < than.deliveries;
}

/** What is left, in a line. */
export function sizeText({ faults, clients, requests, deliveries, event }: RunSize): string {
  return (
    `${faults} faults, ${clients} clients, ${requests} requests, ` +
    `${deliveries} deliveries, ${event} events`
  );
}
