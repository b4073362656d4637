import { spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
}

/** Interrupts the command as soon as it says that it runs. */
function interrupted(...args: string[]): Promise<Ended> {
  const argv = ['--conditions=@kimberlite/source', main, ...args];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.once('data', () => child.kill('SIGINT'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out }));
  });
}

describe('an interrupted campaign', { timeout: 120_000 }, () => {
  it.each(['1', '2'])('ends with 130 and says what was run, with %s jobs', async (jobs) => {
    const campaign = ['--all-scenarios', '--for', '10m', '--jobs', jobs, '--no-bundles'];
    const { code, out } = await interrupted('run', '--seed', '1', ...campaign);
    expect(code).toBe(130);
    expect(out).toMatch(/^scenarios$/m);
    expect(out).toMatch(/^interrupted: \d+ runs, 0 failed, .*seeds from 1, commit /m);
  });
});
