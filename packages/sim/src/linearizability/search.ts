import { assert, present } from '@kimberlite/store';
import type { HistoryVerdict } from './check-history.ts';
import type { HistoryModel, HistoryOperation } from './history.ts';

/** A configuration on the way: what may come next, and what was tried of it. */
interface Frame<State> {
  readonly state: State;
  readonly candidates: readonly number[];
  tried: number;
  /** The operation that led from the frame below to this one; -1 at the start. */
  readonly placed: number;
  /** Highest index of the answered operations that are placed; -1 for none. */
  readonly highest: number;
}

const END = -1;

/**
 * Depth-first search for an order. Answered operations are in a linked list by start, so that the
 * few that may come next are at its head; unanswered ones are tried only after those, since in
 * most histories they are not needed there.
 */
export class Search<State, Input, Output> {
  readonly #model: HistoryModel<State, Input, Output>;
  readonly #stepsMax: number;
  readonly #answered: readonly HistoryOperation<Input, Output>[];
  readonly #unanswered: readonly HistoryOperation<Input, Output>[];
  /** Links of `answered`; the one before the first is its length. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Bit n: `unanswered[n]` is placed. */
  #effects: bigint;
  readonly #visited: Set<string>;
  #steps: number;
  #placedCount: number;
  #placedMost: number;
  #stuck: { readonly state: string; readonly operations: readonly number[] };

  constructor(
    history: readonly HistoryOperation<Input, Output>[],
    model: HistoryModel<State, Input, Output>,
    stepsMax: number,
  ) {
    const sorted = [...history].sort((first, other) => first.start - other.start);
    this.#model = model;
    this.#stepsMax = stepsMax;
    this.#answered = sorted.filter(({ end }) => end !== null);
    this.#unanswered = sorted.filter(({ end }) => end === null);
    const count = this.#answered.length;
    this.#next = Int32Array.from({ length: count + 1 }, (_, at) => (at + 1 < count ? at + 1 : END));
    this.#next[count] = count > 0 ? 0 : END;
    this.#previous = Int32Array.from({ length: count + 1 }, (_, at) => (at > 0 ? at - 1 : count));
    this.#effects = 0n;
    this.#visited = new Set();
    this.#steps = 0;
    this.#placedCount = 0;
    this.#placedMost = -1;
    this.#stuck = { state: '', operations: [] };
  }

  run(): HistoryVerdict<Input, Output> {
    const frames: Frame<State>[] = [this.#frame(this.#model.init(), -1, -1)];
    for (;;) {
      if (this.#placedCount === this.#answered.length) {
        return { kind: 'linearizable', steps: this.#steps };
      }
      if (this.#steps > this.#stepsMax) return { kind: 'undecided', steps: this.#steps };
      const top = present(frames.at(-1));
      const further = this.#advance(top);
      if (further !== null) {
        frames.push(further);
        continue;
      }
      this.#remember(top);
      frames.pop();
      if (frames.length === 0) return this.#failure();
      this.#takeBack(top.placed);
    }
  }

  /** Places the next candidate that fits and leads to something new; null when none is left. */
  #advance(frame: Frame<State>): Frame<State> | null {
    while (frame.tried < frame.candidates.length) {
      const at = present(frame.candidates[frame.tried]);
      frame.tried += 1;
      const state = this.#step(frame.state, at);
      if (state === null) continue;
      const isAnswered = at < this.#answered.length;
      // Without effect it is the same as not placed, and not placed it can still have one.
      if (!isAnswered && this.#model.key(state) === this.#model.key(frame.state)) continue;
      this.#place(at);
      const highest = isAnswered ? Math.max(frame.highest, at) : frame.highest;
      // What follows from a single candidate is remembered by what it follows from.
      const isNew = frame.candidates.length === 1 || this.#visit(state, highest);
      if (isNew) return this.#frame(state, at, highest);
      this.#takeBack(at);
    }
    return null;
  }

  #step(state: State, at: number): State | null {
    this.#steps += 1;
    const { input, output } = this.#operation(at);
    return this.#model.step(state, input, output);
  }

  #frame(state: State, placed: number, highest: number): Frame<State> {
    return { state, candidates: this.#candidates(state), tried: 0, placed, highest };
  }

  /**
   * What may come next: no unplaced answered operation ended before it started. A read that fits
   * now may as well come now: it changes nothing, and any order in which it comes later stays an
   * order without it. So nothing else needs to be tried then.
   */
  #candidates(state: State): readonly number[] {
    const found: number[] = [];
    let endFirst = Number.POSITIVE_INFINITY;
    for (let at = this.#after(this.#answered.length); at !== END; at = this.#after(at)) {
      const { input, output, start, end } = this.#operation(at);
      if (start > endFirst) break;
      endFirst = Math.min(endFirst, present(end));
      const reads = output !== null && this.#model.readsOnly?.(input, output) === true;
      if (!reads) found.push(at);
      else if (this.#step(state, at) !== null) return [at];
    }
    for (const [bit, { start }] of this.#unanswered.entries()) {
      if (start > endFirst) break;
      if ((this.#effects & (1n << BigInt(bit))) === 0n) found.push(this.#answered.length + bit);
    }
    return found;
  }

  /** Whether this configuration is new. */
  #visit(state: State, highest: number): boolean {
    // Named by the few that are missing below the highest: not by the many that are there.
    let missing = '';
    for (let at = this.#after(this.#answered.length); at !== END; at = this.#after(at)) {
      if (at > highest) break;
      missing += `${at},`;
    }
    const effects = this.#effects.toString(16);
    const name = `${highest} ${missing} ${effects} ${this.#model.key(state)}`;
    if (this.#visited.has(name)) return false;
    this.#visited.add(name);
    return true;
  }

  #place(at: number): void {
    if (at >= this.#answered.length) {
      this.#effects |= this.#bit(at);
      return;
    }
    const next = this.#after(at);
    const previous = present(this.#previous[at]);
    this.#next[previous] = next;
    if (next !== END) this.#previous[next] = previous;
    this.#placedCount += 1;
  }

  /** In the reverse order of `place`: the links of `at` still name its neighbours. */
  #takeBack(at: number): void {
    if (at >= this.#answered.length) {
      this.#effects &= ~this.#bit(at);
      return;
    }
    const next = this.#after(at);
    const previous = present(this.#previous[at]);
    this.#next[previous] = at;
    if (next !== END) this.#previous[next] = at;
    this.#placedCount -= 1;
  }

  #remember(frame: Frame<State>): void {
    if (this.#placedCount <= this.#placedMost) return;
    this.#placedMost = this.#placedCount;
    const operations: number[] = [];
    let endFirst = Number.POSITIVE_INFINITY;
    for (let at = this.#after(this.#answered.length); at !== END; at = this.#after(at)) {
      const { start, end } = this.#operation(at);
      if (start > endFirst) break;
      endFirst = Math.min(endFirst, present(end));
      operations.push(at);
    }
    this.#stuck = { state: this.#model.key(frame.state), operations };
  }

  #failure(): HistoryVerdict<Input, Output> {
    return {
      kind: 'not_linearizable',
      steps: this.#steps,
      placed: this.#placedMost,
      stuck: this.#stuck.operations.map((at) => this.#operation(at)),
      state: this.#stuck.state,
    };
  }

  #bit(at: number): bigint {
    return 1n << BigInt(at - this.#answered.length);
  }

  #after(at: number): number {
    return present(this.#next[at]);
  }

  /** Unanswered operations follow the answered ones in the numbering. */
  #operation(at: number): HistoryOperation<Input, Output> {
    const count = this.#answered.length;
    assert(at >= 0, 'an operation');
    return present(at < count ? this.#answered[at] : this.#unanswered[at - count]);
  }
}
