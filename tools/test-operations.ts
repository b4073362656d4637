/**
 * `npm run test:operations`: the tests that need programs of the host (another database to compare
 * with, network tools). A missing program is named and fails the run: a skipped test looks green.
 * With `--missing-packages` it prints the Debian packages to install, one a line, and runs nothing.
 */

import { missingPrograms, operationsTests } from './lib/operations.ts';
import { runInherited } from './lib/run.ts';

const tests = operationsTests();
const missing = missingPrograms(tests);

if (process.argv.includes('--missing-packages')) {
  for (const { debianPackage } of missing) process.stdout.write(`${debianPackage}\n`);
} else if (tests.length === 0) {
  process.stdout.write(
    'test:operations: there are no tests in test/operations yet; none was run\n',
  );
} else if (missing.length > 0) {
  for (const { command, debianPackage } of missing) {
    process.stderr.write(
      `test:operations: ${command} is not installed; on Debian: apt-get install ${debianPackage}\n`,
    );
  }
  process.stderr.write('test:operations: no test was run\n');
  process.exitCode = 1;
} else {
  const options = ['--config', 'vitest.operations.config.ts', ...process.argv.slice(2)];
  process.exitCode = runInherited('vitest', ['run', ...options]);
}
