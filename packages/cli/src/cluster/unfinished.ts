import { rmdirSync, rmSync } from 'node:fs';

/** What asks a command to end, and ends it when nobody listens. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What a command has made that is of no use unless the command comes to its end. */
export interface Unfinished {
  /** Of a file, or of a directory with all that is in it. */
  add(path: string): void;
  /** Of a directory that goes only if nothing else is in it. */
  addEmpty(path: string): void;
  /** Finished: all of it stays. */
  keep(): void;
}

/**
 * Removes what is unfinished when `use` ends, in whatever way: by a signal, which then ends the
 * process as if nobody had listened, and by a bug. Only after SIGKILL and a power loss is it left.
 */
export async function removingUnfinished<T>(use: (made: Unfinished) => Promise<T>): Promise<T> {
  const paths: string[] = [];
  const directories: string[] = [];
  const made: Unfinished = {
    add: (path) => void paths.push(path),
    addEmpty: (path) => void directories.push(path),
    keep(): void {
      paths.length = 0;
      directories.length = 0;
    },
  };
  const remove = (): void => {
    for (const path of paths) rmSync(path, { force: true, recursive: true });
    for (const path of directories) removeEmpty(path);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    remove();
    for (const each of SIGNALS) process.off(each, onSignal);
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('exit', remove);
  try {
    return await use(made);
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('exit', remove);
    remove();
  }
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Something of somebody else's is in it.
  }
}
