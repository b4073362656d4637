/**
 * `npm run lockfile`, after a change of dependencies: updates the lockfile and completes it
 * with the binaries of platforms that this machine's registry may not have.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { completedLockfile, type Lockfile, missingOptionals } from './lib/lockfile.ts';
import { runInherited } from './lib/run.ts';

const path = 'package-lock.json';

process.exitCode = runInherited('npm', ['install', '--package-lock-only', '--ignore-scripts']);

if (process.exitCode === 0) {
  // SAFETY: npm has just written this file.
  const lockfile = JSON.parse(readFileSync(path, 'utf8')) as Lockfile;
  const missing = missingOptionals(lockfile).length;
  writeFileSync(path, `${JSON.stringify(completedLockfile(lockfile), null, 2)}\n`);
  process.stdout.write(`${path}: ${missing} binaries of other platforms added\n`);
}
