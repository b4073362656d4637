#!/usr/bin/env node
// Set before anything else is loaded, for the reason given in the launcher of `kimberlite`: both
// programs run with the same thread pool.
process.env.UV_THREADPOOL_SIZE ??= '24';

const { existsSync } = await import('node:fs');
const entry = new URL('../dist/cli/main.js', import.meta.url);

if (existsSync(entry)) {
  await import(entry.href);
} else {
  process.stderr.write(
    'vopr: this copy has not been built (packages/sim/dist/cli/main.js is missing). ' +
      'Nothing was run. Run `npm run build` in the root of the repository.\n',
  );
  process.exitCode = 70;
}
