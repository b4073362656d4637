import { type Call, type Result, revisionTaken } from '@kimberlite/kernel';
import type { KernelOperation } from '@kimberlite/sim';

interface Open {
  readonly client: number;
  readonly input: Call;
  readonly start: number;
  readonly startedAt: number;
}

/** What was asked and answered, in real-time order: every client of a run records here. */
export class Recorder {
  #clock: number;
  readonly #open: Set<Open>;
  readonly #closed: KernelOperation[];
  #answered: number;
  #unanswered: number;
  #refused: number;
  readonly #waiters: Set<(operation: Open, output: Result) => void>;

  constructor() {
    this.#clock = 0;
    this.#open = new Set();
    this.#closed = [];
    this.#answered = 0;
    this.#unanswered = 0;
    this.#refused = 0;
    this.#waiters = new Set();
  }

  /** Before the call is made. */
  begin(client: number, input: Call): Open {
    const open = { client, input, start: this.#tick(), startedAt: performance.now() };
    this.#open.add(open);
    return open;
  }

  answer(open: Open, output: Result): void {
    const { client, input, start } = open;
    this.#open.delete(open);
    this.#closed.push({ client, input, output, start, end: this.#tick() });
    this.#answered += 1;
    for (const waiter of this.#waiters) waiter(open, output);
  }

  /** The call may have happened, or may yet. */
  lose(open: Open): void {
    const { client, input, start } = open;
    this.#open.delete(open);
    this.#closed.push({ client, input, output: null, start, end: null });
    this.#unanswered += 1;
  }

  /** The call definitely did not happen: it is no part of the history, which will show it. */
  refuse(open: Open): void {
    this.#open.delete(open);
    this.#refused += 1;
  }

  /** By start; what is under way counts as unanswered. */
  history(): KernelOperation[] {
    const open = [...this.#open].map(({ client, input, start }): KernelOperation => {
      return { client, input, output: null, start, end: null };
    });
    return [...this.#closed, ...open].sort((first, other) => first.start - other.start);
  }

  totals(): { readonly answered: number; readonly unanswered: number; readonly refused: number } {
    return { answered: this.#answered, unanswered: this.#unanswered, refused: this.#refused };
  }

  /**
   * Resolves when so many operations that begin from now on are answered, with the milliseconds
   * until the first of them that wrote. Never rejects: `until` watches the time.
   */
  progress(count: number): { readonly reached: () => number | null; readonly stop: () => void } {
    const since = performance.now();
    let left = count;
    let firstWrite: number | null = null;
    const waiter = (operation: Open, output: Result): void => {
      if (operation.startedAt < since) return;
      left -= 1;
      if (revisionTaken(output) !== null) firstWrite ??= performance.now() - since;
    };
    this.#waiters.add(waiter);
    return {
      reached: () => (left <= 0 ? firstWrite : null),
      stop: () => {
        this.#waiters.delete(waiter);
      },
    };
  }

  #tick(): number {
    this.#clock += 1;
    return this.#clock;
  }
}
