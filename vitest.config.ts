import { defineConfig } from 'vitest/config';

/** Packages resolve to their sources, so that a test never runs against a stale build. */
const conditions = ['@kimberlite/source', 'node', 'import', 'default'];

/** Where .ci/run wants the counts of the run, if it does. */
const report = process.env['TEST_REPORT'];

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
    allowOnly: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
