import { spawnSync } from 'node:child_process';

/** What a finished command left behind. `code` is 1 when it was ended by a signal. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
}

/** Runs a command with its output passed through, and returns its exit code. */
export function runInherited(command: string, args: readonly string[]): number {
  const result = spawnSync(command, args, { stdio: 'inherit' });
  if (result.error !== undefined) {
    process.stderr.write(`${command}: ${result.error.message}\n`);
    return 1;
  }
  return result.status ?? 1;
}

/** Runs a command and returns what it printed; its standard error is passed through. */
export function runCaptured(command: string, args: readonly string[]): CommandResult {
  const result = spawnSync(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error !== undefined) {
    process.stderr.write(`${command}: ${result.error.message}\n`);
    return { code: 1, stdout: '' };
  }
  return { code: result.status ?? 1, stdout: result.stdout };
}
