/**
 * `npm run test:determinism -- [FIRST_SEED [RUNS]]`: the same seeds under several versions of Node
 * must have the same traces to the last bit. The binaries come from the npm package `node`; a
 * version that cannot be had (no network) is named and left out; fewer than two prove nothing, so
 * the exit code is 1 then, as for a difference.
 */

import path from 'node:path';
import { runCaptured } from './lib/run.ts';

const VERSIONS = ['22', '24', '26'] as const;

const [first = '1', runs = '3'] = process.argv.slice(2);
const root = path.join(import.meta.dirname, '..');
const program = path.join(root, 'tools', 'trace-hashes.ts');

interface Traces {
  /** As the binary names itself. */
  readonly version: string;
  readonly lines: readonly string[];
}

/** The hashes under one version of Node, or why there are none. */
function tracesUnder(version: string): Traces | string {
  const found = runCaptured('npx', ['-y', '-p', `node@${version}`, '-c', 'command -v node']);
  const binary = found.stdout.trim();
  if (found.code !== 0 || binary === '') return 'npm could not bring it (no network?)';
  const named = runCaptured(binary, ['--version']).stdout.trim();
  const args = ['--conditions=@kimberlite/source', '--no-warnings', program, first, runs];
  const { code, stdout } = runCaptured(binary, args);
  if (code !== 0) return `${named} ended with exit code ${code}`;
  return { version: named, lines: stdout.trim().split('\n') };
}

const seen: Traces[] = [];
let failed = false;
for (const version of VERSIONS) {
  const traces = tracesUnder(version);
  if (typeof traces === 'string') {
    const cannotRun = !traces.startsWith('npm');
    failed ||= cannotRun;
    process.stdout.write(`Node ${version}: left out: ${traces}\n`);
    continue;
  }
  seen.push(traces);
  process.stdout.write(`Node ${traces.version}: ${traces.lines.length} runs\n`);
}
const [reference, ...others] = seen;
for (const { version, lines } of others) {
  const differing = lines.filter((line, at) => line !== reference?.lines[at]);
  failed ||= differing.length > 0 || lines.length !== reference?.lines.length;
  for (const line of differing) process.stdout.write(`${version} differs: ${line}\n`);
}
if (others.length === 0) {
  failed = true;
  process.stdout.write('Nothing was compared.\n');
} else if (!failed) process.stdout.write('All traces are equal.\n');
process.exitCode = failed ? 1 : 0;
