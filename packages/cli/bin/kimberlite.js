#!/usr/bin/env node
// The thread pool is created at its first use and never grows, so its size is set before anything
// else is loaded: the storage layer keeps threads in reserve for the log and the superblock.
process.env.UV_THREADPOOL_SIZE ??= '24';

const { existsSync } = await import('node:fs');
const entry = new URL('../dist/main.js', import.meta.url);

if (existsSync(entry)) {
  await import(entry.href);
} else {
  process.stderr.write(
    'kimberlite: this copy has not been built (packages/cli/dist/main.js is missing). ' +
      'Nothing was started or changed. Run `npm run build` in the root of the repository.\n',
  );
  process.exitCode = 70;
}
