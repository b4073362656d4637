import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { statusRecord } from '../testing/status-fixture.ts';
import { Instruments, LabelledCounter } from './instruments.ts';
import { metricsText } from './metrics-text.ts';

/** Name, type, labels and help text of every series, as a scraper sees them. */
function served(): string[][] {
  const instruments = new Instruments();
  for (const instrument of Object.values(instruments)) {
    if (instrument instanceof LabelledCounter) instrument.add('x');
  }
  const text = metricsText(statusRecord(instruments), instruments);
  return [...text.matchAll(/^# HELP (\w+) (.+)\n# TYPE \1 (\w+)\n(.*)$/gm)].map(
    ([, name = '', help = '', type = '', sample = '']) => {
      const labels = type === 'histogram' ? [] : [...sample.matchAll(/(\w+)="/g)];
      return [`\`${name}\``, type, labels.map(([, label]) => `\`${label}\``).join(', '), help];
    },
  );
}

describe('docs/metrics.md', () => {
  it('lists every series that is served, and says of it what its help text says', () => {
    const page = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8');
    const rows = page.split('\n').filter((line) => /^\| `(vsr|process)_/.test(line));
    const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()));
    const all = served();
    expect(all.length).toBeGreaterThan(35);
    expect(cells.map((row) => row.slice(1, 5))).toEqual(all);
  });
});
