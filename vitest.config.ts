import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Packages resolve to their sources, so that a test never runs against a stale build. */
const conditions = ['@kimberlite/source', 'node', 'import', 'default'];

/** Where .ci/run wants the counts of the run, if it does. */
const report = process.env['TEST_REPORT'];

/** Files that take half a minute and more, the longest first. */
const LONG = [
  'packages/sim/src/scenarios/scenarios.test.ts',
  'test/e2e/interrupted-restore.test.ts',
  'packages/sim/src/cli/explain.test.ts',
  'test/e2e/backup.test.ts',
  'test/e2e/disk-faults.test.ts',
  'test/e2e/gray-processes.test.ts',
  'test/e2e/bad-files.test.ts',
];

/** Begun last, a long file would leave the other worker with nothing to do. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONG.findIndex((path) => moduleId.endsWith(`/${path}`));
      return place === -1 ? LONG.length : place;
    };
    const sorted = await super.sort(files);
    return sorted.sort((first, other) => rank(first) - rank(other));
  }
}

/** The tests of `npm test`. Those in test/operations have a configuration of their own. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'tools/*-canary/**', 'test/operations/**'],
    pool: 'forks',
    // Some tests start real processes: more workers than two cores would only cause timeouts.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    allowOnly: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
