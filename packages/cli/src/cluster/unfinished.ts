import { type BigIntStats, rmdirSync, rmSync, statSync } from 'node:fs';

/** What asks a command to end, and ends it when nobody listens. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What a command has made that is of no use unless the command comes to its end. */
export interface Unfinished {
  /** Of a file, or of a directory with all that is in it; it is there. */
  add(path: string): void;
  /** Of a directory that goes only if nothing else is in it. */
  addEmpty(path: string): void;
  /** Finished: all of it stays. */
  keep(): void;
}

/**
 * Removes what is unfinished when `use` ends, in whatever way: by a signal, which then ends the
 * process as if nobody had listened, and by a bug. Only after SIGKILL and a power loss is it left.
 * `onSignal` can say what the end means, and must not throw.
 */
export async function removingUnfinished<T>(
  use: (made: Unfinished) => Promise<T>,
  onSignal: () => void = (): void => {},
): Promise<T> {
  const paths = new Map<string, BigIntStats | null>();
  const directories: string[] = [];
  const made: Unfinished = {
    add: (path) => void paths.set(path, whatIsAt(path)),
    addEmpty: (path) => void directories.push(path),
    keep(): void {
      paths.clear();
      directories.length = 0;
    },
  };
  const remove = (): void => {
    for (const [path, was] of paths) removeOwn(path, was);
    for (const path of directories) removeEmpty(path);
  };
  const onEnd = (signal: NodeJS.Signals): void => {
    remove();
    onSignal();
    for (const each of SIGNALS) process.off(each, onEnd);
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, onEnd);
  process.on('exit', remove);
  try {
    return await use(made);
  } finally {
    for (const signal of SIGNALS) process.off(signal, onEnd);
    process.off('exit', remove);
    remove();
  }
}

function whatIsAt(path: string): BigIntStats | null {
  return statSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

/** What somebody has put in its place meanwhile stays. */
function removeOwn(path: string, was: BigIntStats | null): void {
  try {
    const is = whatIsAt(path);
    if (is === null || is.ino !== was?.ino || is.dev !== was.dev) return;
    rmSync(path, { force: true, recursive: true });
  } catch {
    // It stays, and says what it is; why the command ended matters more.
  }
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Something of somebody else's is in it.
  }
}
