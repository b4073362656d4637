import process from 'node:process';

const CHUNK = 64 * 1024;

/** Writes many lines to the standard output, in large pieces. */
export class LineWriter {
  private text: string;

  constructor() {
    this.text = '';
  }

  write(line: string): void {
    this.text += `${line.trimEnd()}\n`;
    if (this.text.length >= CHUNK) this.flush();
  }

  flush(): void {
    process.stdout.write(this.text);
    this.text = '';
  }
}
