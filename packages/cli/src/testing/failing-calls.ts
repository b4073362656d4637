import { type FileCalls, systemCalls } from '@kimberlite/server';

/** The system's code with which a call fails; `hang` for one that is never answered. */
export type CallFailure = 'EIO' | 'ENOSPC' | 'hang';

/** The system's calls on a data file, but for those that are to fail. */
export function failingCalls(
  failureOf: (kind: 'read' | 'write', position: number) => CallFailure | null,
): FileCalls {
  const failing = (kind: 'read' | 'write'): FileCalls['write'] => {
    return (fd, bytes, position, done) => {
      const failure = failureOf(kind, position);
      if (failure === null) systemCalls[kind](fd, bytes, position, done);
      else if (failure !== 'hang') setImmediate(done, systemError(failure), 0);
    };
  };
  return { ...systemCalls, read: failing('read'), write: failing('write') };
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: put there by a test`), { code });
}
