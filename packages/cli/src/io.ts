import { createInterface } from 'node:readline/promises';

/** Where a command reads and writes; tests and the repl bring their own. */
export interface Io {
  /** Standard output: results, and nothing else. */
  write(chunk: string | Uint8Array): void;
  /** Standard error: what is said beside the result. */
  writeError(text: string): void;
  /** Whether a person sees standard error: then work that takes long shows how far it is. */
  readonly errorIsTerminal: boolean;
  /** All of standard input. */
  readInput(): Promise<Uint8Array>;
  /** One line that a person types after the prompt; null where nobody is there to type. */
  askLine(prompt: string): Promise<string | null>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The process's own streams. */
export const processIo: Io = {
  write(chunk: string | Uint8Array): void {
    process.stdout.write(chunk);
  },
  writeError(text: string): void {
    process.stderr.write(text);
  },
  errorIsTerminal: process.stderr.isTTY === true,
  async readInput(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of process.stdin) {
      chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    }
    return Buffer.concat(chunks);
  },
  async askLine(prompt: string): Promise<string | null> {
    if (!process.stdin.isTTY) return null;
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await lines.question(prompt);
    } finally {
      lines.close();
    }
  },
  env: process.env,
};

export type OutputFormat = 'text' | 'json';

/** One result as one line of JSON; byte strings were encoded before. */
export function writeJson(io: Io, value: unknown): void {
  io.write(`${JSON.stringify(value, jsonValue)}\n`);
}

/** Numbers above 2^53 travel as decimal strings. */
function jsonValue(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
