import { readFileSync } from 'node:fs';
import { STATUS_CODES } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { withParts } from './markdown.ts';
import { METRICS_PARTS } from './metrics-page.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

describe('docs/metrics.md', () => {
  it('says what the tables in the code say', () => {
    // `npx node --conditions=@kimberlite/source tools/docs.ts` writes it.
    const page = read('metrics.md');
    expect(withParts(page, METRICS_PARTS)).toBe(page);
  });
});

describe('the statuses of a replica', () => {
  const statuses = Object.keys(STATUS_CODES).sort();

  it('are those of docs/metrics.md', () => {
    const [, list = ''] = /`status` is ([^.]+)\./.exec(read('metrics.md')) ?? [];
    expect([...list.matchAll(/`(\w+)`/g)].map(([, name]) => name).sort()).toEqual(statuses);
  });

  it('are those of docs/glossary.md', () => {
    const [, list = ''] = /^\| status \| ([^|]+) \|/m.exec(read('glossary.md')) ?? [];
    expect(list.split(/, | or /).sort()).toEqual(statuses);
  });

  it('are those of docs/protocol.md, with their codes', () => {
    const codes = Object.entries(STATUS_CODES).map(([name, code]) => `${code} ${name}`);
    expect(read('protocol.md')).toContain(codes.sort().join(', '));
  });
});
