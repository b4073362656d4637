import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { sha256Checksum } from '@kimberlite/store';
import { decodeMessage, LAYOUTS, snake } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { headerCodec } from './header-codec.ts';
import { withTables } from './protocol-tables.ts';
import { citedRules, explainedRules, messageRows } from './rules.ts';
import { readHexDump, vectors } from './vectors.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const page = read('docs/protocol.md');

/** Sources of all packages, tests left out. */
const sources = globSync('packages/*/src/**/*.ts', { cwd: root })
  .filter((path) => !path.endsWith('.test.ts'))
  .map(read);

describe('docs/protocol.md', () => {
  it('says of fields, codes, sizes, timeouts and vectors what the code says', () => {
    // `npx node --conditions=@kimberlite/source tools/docs.ts` writes them.
    expect(withTables(page)).toBe(page);
  });

  it('and the codec of headers does what the tables of the messages say', () => {
    const { path, text } = headerCodec();
    expect(read(path)).toBe(text);
  });

  it('has one row for every message, whose handler and tests exist', () => {
    const rows = messageRows(page);
    const names = LAYOUTS.map(({ command }) => snake(command));
    expect(new Set(rows.map(({ name }) => name))).toEqual(new Set(names));
    expect(rows).toHaveLength(names.length);
    for (const { name, handler, tests } of rows) {
      expect(handler, `${name} has a handler`).not.toBeNull();
      const defined = new RegExp(`(?:function |private |^  #?)${handler?.name}\\(`, 'm');
      expect(read(handler?.path ?? ''), `${handler?.name} is in ${handler?.path}`).toMatch(defined);
      expect(tests.length, `${name} has tests`).toBeGreaterThan(0);
      for (const path of tests) expect(existsSync(new URL(path, root)), path).toBe(true);
    }
  });

  it('explains exactly the rules that the code cites', () => {
    const cited = new Set(sources.flatMap((source) => citedRules(source)));
    expect(cited.size).toBeGreaterThan(20);
    const explained = explainedRules(page);
    expect(new Set(explained)).toEqual(cited);
    expect(explained).toHaveLength(cited.size);
  });

  it('names mutants and checkers that exist', () => {
    const names = (files: string, pattern: RegExp): Set<string> =>
      new Set(
        globSync(files, { cwd: root }).flatMap((path) =>
          [...read(path).matchAll(pattern)].map(([, name = '']) => name),
        ),
      );
    const mutants = names('packages/sim/src/mutants/*-mutants.ts', /name: '(\w+)'/g);
    const checkers = names('packages/sim/src/checkers/violation.ts', /^ {2}(\w+): '/gm);
    const text = page.replaceAll('\n', ' ');
    for (const [known, pattern] of [
      [mutants, /\bmutants? ((?:`\w+`(?:,\s+)?)+)/g],
      [checkers, /\bcheckers? ((?:`\w+`(?:,\s+)?)+)/g],
    ] as const) {
      const named = [...text.matchAll(pattern)].flatMap(([, list = '']) =>
        [...list.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
      );
      expect(named.length).toBeGreaterThan(5);
      expect(named.filter((name) => !known.has(name))).toEqual([]);
    }
  });

  it('gives fixed numbers as they stand in the files that it names', () => {
    const rows = [...page.matchAll(/^\| [^|]+ \| `([^`|]+)` \| `(packages\/[^`]+)` \|$/gm)];
    expect(rows.length).toBeGreaterThan(25);
    for (const [, text = '', path = ''] of rows) expect(read(path), path).toContain(text);
  });
});

describe('the test vectors', () => {
  // By hand, not by the codec: offsets as the page has them, hashes by another implementation.
  const shown = (name: string): Uint8Array => {
    const text = new RegExp(`\`\`\`text ${name}\\n([^\`]+)\`\`\``).exec(page)?.[1] ?? '';
    const size = vectors().find((vector) => vector.name === name)?.bytes.length ?? 0;
    return readHexDump(text.trim(), size);
  };
  const hash = (bytes: Uint8Array): string =>
    createHash('sha256').update(bytes).digest('hex').slice(0, 32);
  const hex = (bytes: Uint8Array, from: number, size: number): string =>
    Buffer.from(bytes.subarray(from, from + size)).toString('hex');

  it.each(['request', 'prepare'])('%s: hashes cover what the page says', (name) => {
    const bytes = shown(name);
    expect(hex(bytes, 0, 16)).toBe(hash(bytes.subarray(16, 256)));
    expect(hex(bytes, 16, 16)).toBe(hash(bytes.subarray(256)));
    expect(new DataView(bytes.buffer).getUint32(48, true)).toBe(bytes.length);
    const decoded = decodeMessage(bytes, sha256Checksum);
    expect(decoded).toMatchObject({ header: { command: name } });
  });

  it('the entry of the prepare holds the request', () => {
    const request = shown('request');
    const prepare = shown('prepare');
    const view = new DataView(prepare.buffer);
    expect(hex(prepare, 256, 16)).toBe(hex(request, 128, 16));
    expect(view.getUint32(256 + 24, true)).toBe(1);
    expect(view.getUint16(256 + 28, true)).toBe(16);
    expect(view.getUint32(256 + 32, true)).toBe(2);
    expect(hex(prepare, 256 + 40, 16)).toBe(hex(request, 0, 16));
    expect(hex(prepare, 256 + 64, 8)).toBe('0305000000000000');
  });
});

describe('citedRules', () => {
  it('reads lists and citations that a comment wraps', () => {
    const source = [
      '/**',
      ' * Chosen so (rules first-one, second-one). And',
      ' * kept (rule',
      ' * third-one) here.',
      ' */',
      '  // also so (rule',
      '  // fourth-one).',
    ].join('\n');
    expect(citedRules(source)).toEqual(['first-one', 'second-one', 'third-one', 'fourth-one']);
    expect(citedRules('the rule is old (a rule of thumb)')).toEqual([]);
  });
});
