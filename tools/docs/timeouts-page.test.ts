import { existsSync, readFileSync } from 'node:fs';
import { CONFIGURATION_KEYS } from '@kimberlite/server';
import { scenarioNamed, TIMEOUT_SCENARIOS } from '@kimberlite/sim';
import { TIMEOUT_NAMES } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { withParts } from './markdown.ts';
import { TIMEOUT_PARTS, TIMEOUTS_SHOWN, timeoutKeyOf } from './timeouts-page.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

describe('docs/timeouts.md', () => {
  it('says what the table in the code says', () => {
    // `npx node --conditions=@kimberlite/source tools/docs.ts` writes it.
    const page = read('docs/timeouts.md');
    expect(withParts(page, TIMEOUT_PARTS)).toBe(page);
  });

  it.each(TIMEOUT_NAMES)(
    'names for %s a handler, a metric, a case and a scenario that exist',
    (name) => {
      const { handler, metric, shownBy } = TIMEOUTS_SHOWN[name];
      const source = read(`packages/vsr/src/replica/${handler[1]}`);
      expect(source).toMatch(new RegExp(`(function |^  )${handler[0]}\\(`, 'm'));
      expect(existsSync(new URL(`packages/sim/src/cases/${shownBy}`, root))).toBe(true);
      expect(read('docs/metrics.md')).toContain(`\`${metric.split('{')[0]}\``);
      expect(CONFIGURATION_KEYS).toContain(timeoutKeyOf(name));
      expect(scenarioNamed(TIMEOUT_SCENARIOS[name])?.name).toBe(TIMEOUT_SCENARIOS[name]);
    },
  );
});
