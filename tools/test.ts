/**
 * `npm test`: the unit, property, cluster and end-to-end tests. Its last lines say what it left
 * out, so that nobody takes it for everything. Arguments go to vitest: `npm test -- packages/vsr`.
 */
import { operationsTests } from './lib/operations.ts';
import { runInherited } from './lib/run.ts';

process.exitCode = runInherited('vitest', ['run', ...process.argv.slice(2)]);

const operations = operationsTests().length;
process.stdout.write(
  'Left out of npm test:\n' +
    `  ${operations} files of operations tests, which need programs of the host ` +
    '(npm run test:operations)\n' +
    '  long faults of real processes (npm run test:chaos); the short ones are in it\n' +
    '  a thousand flipped bytes (npm run test:flips); a few of them are in it\n' +
    '  campaigns of the simulator on fresh seeds (npx vopr run --runs N)\n',
);
