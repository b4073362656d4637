import type { Io } from '../io.ts';

/** An Io that remembers what was written. */
export interface CapturedIo extends Io {
  out(): string;
  err(): string;
  clear(): void;
}

export function capturedIo(
  options: {
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly input?: string;
    readonly errorIsTerminal?: boolean;
    /** What a person types when asked; nobody is there by default. */
    readonly typed?: string;
  } = {},
): CapturedIo {
  let out: Uint8Array[] = [];
  let err = '';
  return {
    env: options.env ?? {},
    errorIsTerminal: options.errorIsTerminal ?? false,
    write(chunk): void {
      out.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    },
    writeError(text): void {
      err += text;
    },
    readInput: () => Promise.resolve(Buffer.from(options.input ?? '')),
    askLine: () => Promise.resolve(options.typed ?? null),
    out: () => Buffer.concat(out).toString('utf8'),
    err: () => err,
    clear(): void {
      out = [];
      err = '';
    },
  };
}
