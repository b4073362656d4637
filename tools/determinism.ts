/**
 * `npm run test:determinism -- [FIRST_SEED [RUNS]]`: the same seeds under several versions of Node
 * must have the same traces to the last bit. The binaries come from the npm package `node`, and
 * each must be of the version that was asked for. One that cannot be had (no network) is named and
 * left out, but where CI is set: there it is a failure, as fewer than two are anywhere.
 */

import path from 'node:path';
import { runCaptured } from './lib/run.ts';
import { compareTraces, type Traces } from './lib/traces.ts';

const VERSIONS = ['22', '24', '26'] as const;

const [first = '1', runs = '3'] = process.argv.slice(2);
const root = path.join(import.meta.dirname, '..');
const program = path.join(root, 'tools', 'trace-hashes.ts');

/** The hashes under one version of Node, or why there are none. */
function tracesUnder(wanted: string): Traces {
  const brought = runCaptured('npx', ['-y', '-p', `node@${wanted}`, '-c', 'command -v node']);
  const binary = brought.stdout.trim();
  if (brought.code !== 0 || binary === '') {
    return { wanted, version: null, found: 'npm could not bring it (no network?)' };
  }
  const version = runCaptured(binary, ['--version']).stdout.trim();
  const args = ['--conditions=@kimberlite/source', '--no-warnings', program, first, runs];
  const { code, stdout } = runCaptured(binary, args);
  if (code !== 0) return { wanted, version, found: `it ended with exit code ${code}` };
  return { wanted, version, found: stdout.trim().split('\n') };
}

const allNeeded = (process.env['CI'] ?? '') !== '';
const { failed, lines } = compareTraces(VERSIONS.map(tracesUnder), { allNeeded });
process.stdout.write(`${lines.join('\n')}\n`);
process.exitCode = failed ? 1 : 0;
