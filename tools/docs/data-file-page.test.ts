import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  CHECKPOINT_RECORD_SIZE,
  FORMAT_VERSION,
} from '../../packages/vsr/src/superblock/superblock.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('docs/data-file.md', () => {
  const page = read('docs/data-file.md');

  it('names the format version that is written', () => {
    expect(page).toContain(`| format version, ${FORMAT_VERSION} |`);
  });

  it('has a row for each field of a superblock', () => {
    const table = /## Superblock\n[^]*?\n\n(\| offset [^]*?)\n\n/.exec(page)?.[1] ?? '';
    const told = new Set<number>();
    for (const [, cell = ''] of table.matchAll(/^\| ([\d, to]+) \|/gm)) {
      const [from = 0, to = from] = cell.split(' to ').map(Number);
      if (cell.includes(' to ')) for (let at = from; at <= to; at += 1) told.add(at);
      else for (const offset of cell.split(', ')) told.add(Number(offset));
    }
    const fields = fieldOffsets(read('packages/vsr/src/superblock/superblock.ts'));
    expect(fields.length).toBeGreaterThan(25);
    const missing = fields.filter(({ offset }) => !told.has(offset));
    expect(missing).toEqual([]);
  });
});

/** The fields of a superblock, from the one place that says where each stands. */
function fieldOffsets(source: string): { readonly name: string; readonly offset: number }[] {
  const block = /\nconst OFFSET = \{\n([^]*?)\n\} as const;/.exec(source)?.[1] ?? '';
  return [...block.matchAll(/^ {2}(\w+): (.+),$/gm)].map(([, name = '', sum = '']) => {
    const terms = sum
      .replace('CHECKPOINT_RECORD_SIZE', String(CHECKPOINT_RECORD_SIZE))
      .split(' + ');
    const product = (term: string): number =>
      term.split(' * ').reduce((all, x) => all * Number(x), 1);
    return { name, offset: terms.reduce((all, term) => all + product(term), 0) };
  });
}
