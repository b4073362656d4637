import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_SIMULATION } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isFault } from '../errors.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { formatDataFile } from './data-file-format.ts';

const FORMAT = new URL('data-file-format.ts', import.meta.url).href;
/** Of all that the child has open: enough to run, and soon used up. */
const DESCRIPTORS = 256;
let directory: ReturnType<typeof temporaryDirectory>;
let path: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, '0.data');
});
afterEach(() => directory.remove());

/** What a format says in a process that has `left` descriptors and no more. */
function formatWithDescriptors(left: number): unknown {
  const script = join(directory.path, 'format.mjs');
  const lines = [
    "import { closeSync, openSync } from 'node:fs';",
    `import { formatDataFile } from ${JSON.stringify(FORMAT)};`,
    `const config = ${JSON.stringify(CONFIG_SIMULATION)};`,
    `const path = ${JSON.stringify(path)};`,
    "const stateMachine = { name: 'mine', id: 5n };",
    'const replica = { cluster: 5n, slot: 0, replicaCount: 3 };',
    'const used = [];',
    'try {',
    "  for (;;) used.push(openSync('/dev/null', 'r'));",
    '} catch {',
    '  // No descriptor is left.',
    '}',
    `for (const fd of used.splice(0, ${left})) closeSync(fd);`,
    'const made = await formatDataFile({ path, config, stateMachine, ...replica });',
    'for (const fd of used) closeSync(fd);',
    'console.log(JSON.stringify(made));',
  ];
  writeFileSync(script, lines.join('\n'));
  const limited = `ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`;
  const args = ['-c', limited, process.execPath, '--conditions=@kimberlite/source', script];
  const ended = spawnSync('sh', args, { encoding: 'utf8' });
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  return JSON.parse(ended.stdout);
}

describe.skipIf(process.platform === 'win32')('a format without a descriptor left', () => {
  it('leaves the file alone that is there', async () => {
    const replica = { cluster: 5n, slot: 0, replicaCount: 3 };
    const stateMachine = { name: 'mine', id: 5n };
    const made = await formatDataFile({
      path,
      config: CONFIG_SIMULATION,
      stateMachine,
      ...replica,
    });
    expect(isFault(made)).toBe(false);
    const { ino } = statSync(path);
    const before = readFileSync(path);
    expect(formatWithDescriptors(0)).toMatchObject({
      code: 'io_failed',
      message: `cannot create ${path}: EMFILE`,
    });
    expect(statSync(path).ino).toBe(ino);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it.each([0, 1])('leaves no file behind, with %i for itself', (left) => {
    expect(formatWithDescriptors(left)).toMatchObject({ code: 'io_failed' });
    expect(existsSync(path)).toBe(false);
  });
});
