import { defineConfig } from 'vitest/config';

const conditions = ['@kimberlite/source', 'node', 'import', 'default'];
const report = process.env['TEST_REPORT'];

/** The tests of `npm run test:operations`: they need programs of the host, and run one by one. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/operations/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    allowOnly: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
