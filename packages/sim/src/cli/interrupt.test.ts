import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from '../mutants/catalogue.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
}

interface Interruption {
  readonly signal: NodeJS.Signals;
  /** Where the command may put its temporary files. */
  readonly temporary: string;
}

/** Interrupts the command, and none of its children, as soon as it says that it runs. */
function interrupted({ signal, temporary }: Interruption, ...args: string[]): Promise<Ended> {
  const argv = ['--conditions=@kimberlite/source', main, ...args];
  const child = spawn(process.execPath, argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary },
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.once('data', () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out }));
  });
}

describe('an interrupted campaign', { timeout: 120_000 }, () => {
  it.each(['1', '2'])('ends with 130 and says what was run, with %s jobs', async (jobs) => {
    const campaign = ['--all-scenarios', '--for', '10m', '--jobs', jobs, '--no-bundles'];
    const { code, out } = await interrupted(
      { signal: 'SIGINT', temporary: tmpdir() },
      'run',
      '--seed',
      '1',
      ...campaign,
    );
    expect(code).toBe(130);
    expect(out).toMatch(/^scenarios$/m);
    expect(out).toMatch(/^interrupted: \d+ runs, 0 failed, .*seeds from 1, commit /m);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('of a planted bug ends its run, and leaves no copy, on %s', async (signal, exit) => {
    const temporary = mkdtempSync(join(tmpdir(), 'vopr-interrupt-'));
    try {
      // One of those that change nothing: no failure is to be explained at the end.
      const mutant = MUTANTS.find(({ harmless }) => harmless !== undefined)?.name ?? '';
      const campaign = ['--scenario', 'baseline', '--for', '10m', '--jobs', '1', '--no-bundles'];
      const run = ['run', '--mutant', mutant, '--seed', '1', ...campaign];
      const { code, out } = await interrupted({ signal, temporary }, ...run);
      expect(code).toBe(exit);
      if (signal === 'SIGINT') expect(out).toMatch(/^interrupted: \d+ runs, 0 failed/m);
      expect(readdirSync(temporary)).toEqual([]);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
});
