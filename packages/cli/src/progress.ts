import type { Io } from './io.ts';

/** Milliseconds between two looks of the line. */
const EVERY_MILLIS = 200;
/** Back to the start of the line, and nothing behind it. */
const CLEAR = '\r\u001b[K';

/**
 * One line on standard error that is written over and over while something takes long. Where
 * nobody sees standard error it writes nothing.
 */
export class ProgressLine {
  readonly #io: Io;
  #shownAt: number;

  constructor(io: Io) {
    this.#io = io;
    this.#shownAt = Number.NEGATIVE_INFINITY;
  }

  /** Called as often as one likes: `done` of `total`, both of one unit. */
  show(what: string, done: number, total: number): void {
    if (!this.#io.errorIsTerminal) return;
    const now = performance.now();
    if (now - this.#shownAt < EVERY_MILLIS && done < total) return;
    this.#shownAt = now;
    const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
    this.#io.writeError(`${CLEAR}${what}: ${percent} %`);
  }

  /** Writes whole lines, which stay. */
  say(text: string): void {
    this.clear();
    this.#io.writeError(text);
  }

  /** Leaves no line behind; before anything else is written. */
  clear(): void {
    if (this.#shownAt === Number.NEGATIVE_INFINITY) return;
    this.#shownAt = Number.NEGATIVE_INFINITY;
    this.#io.writeError(CLEAR);
  }
}
