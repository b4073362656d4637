/**
 * Takes one text and tells once, now or later, what came of it: null when all of it was written,
 * otherwise why not, in snake_case. Never throws.
 */
export type LogSink = (text: string, done: (problem: string | null) => void) => void;

export interface LogOutputOptions {
  readonly sink: LogSink;
  /** Called for each line that was not written. */
  readonly onLost: (problem: string) => void;
  /** The line that says how many were lost, and why the last of them was. */
  readonly lossLine: (lines: number, problem: string) => string;
}

/**
 * Lines that nobody may depend on. The log often stands on the same disk as the data, so it fails
 * just when the replica has to go on without harm: what cannot be written is counted and dropped,
 * and said in one line before the next that can be. A replica that ended for want of its log would
 * take all others of a full machine with it.
 */
export class LogOutput {
  readonly #options: LogOutputOptions;
  /** Lines that were lost and not yet told of. */
  #lost: number;
  /** Why the last of them was. */
  #problem: string;
  /** A line about them is on its way. */
  #telling: boolean;

  constructor(options: LogOutputOptions) {
    this.#options = options;
    this.#lost = 0;
    this.#problem = '';
    this.#telling = false;
  }

  /** Takes one line with its newline. */
  write(line: string): void {
    const { sink, onLost } = this.#options;
    if (this.#lost > 0 && !this.#telling) this.#tellLoss();
    sink(line, (problem) => {
      if (problem === null) return;
      this.#lost += 1;
      this.#problem = problem;
      onLost(problem);
    });
  }

  #tellLoss(): void {
    const { sink, lossLine } = this.#options;
    const lines = this.#lost;
    this.#telling = true;
    sink(lossLine(lines, this.#problem), (problem) => {
      this.#telling = false;
      // More may have been lost meanwhile; those are told of next time.
      if (problem === null) this.#lost -= lines;
    });
  }
}
