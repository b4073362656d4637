import process from 'node:process';

const TERMINAL_MILLIS = 200;
const FILE_MILLIS = 15_000;

/** How far something is: one line that changes on a terminal, a line now and then in a file. */
export class ProgressLine {
  private readonly terminal: boolean;
  private shownAt: number;
  private shown: boolean;

  constructor() {
    this.terminal = process.stderr.isTTY;
    this.shownAt = performance.now();
    this.shown = false;
  }

  print(line: () => string): void {
    const now = performance.now();
    if (now - this.shownAt < (this.terminal ? TERMINAL_MILLIS : FILE_MILLIS)) return;
    this.shownAt = now;
    this.shown = true;
    process.stderr.write(this.terminal ? `\r${line()}  ` : `${line()}\n`);
  }

  end(): void {
    if (this.terminal && this.shown) process.stderr.write('\n');
  }
}
