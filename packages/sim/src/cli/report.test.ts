import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyTotals } from '../run/totals.ts';
import { beginText, scenariosText, totalsText } from './report.ts';
import { storedStats } from './stored-stats.ts';

describe('the begin of a campaign', () => {
  const all = { scenarios: ['swarm', 'baseline', 'combined'], shard: { index: 0, of: 1 } };

  it('says how many runs it makes', () => {
    const alone = { ...all, runs: 2, seconds: null };
    expect(beginText(alone, 7n)).toBe('3 scenarios with 2 seeds each: 6 runs, seeds from 7');
    const share = { ...alone, shard: { index: 1, of: 4 } };
    expect(beginText(share, 7n)).toMatch(/^3 scenarios with 2 seeds each, share 2 of 4: 2 runs, /);
    const timed = { ...all, runs: null, seconds: 600 };
    expect(beginText(timed, 7n)).toBe('3 scenarios in turn, seeds from 7, at most 600 s');
    const one = { ...alone, scenarios: ['swarm'] };
    expect(beginText(one, 7n)).toBe('2 runs, seeds from 7');
  });
});

describe('totals of a campaign', () => {
  it('leave out what never happened, unless a witness waits for it', () => {
    const totals = { ...emptyTotals(), runs: 3, crashes: 7 };
    const counts = (runs: number) => ({ runs, failed: 0, witnessMissing: 0 });
    const campaign = (runs: number) => ({
      totals,
      scenarios: new Map([
        ['swarm', counts(3)],
        ['ByzantineFalseNack', counts(runs)],
      ]),
    });
    expect(totalsText(campaign(0))).toBe('  runs 3, crashes 7');
    expect(scenariosText(campaign(0))).toMatch(
      /^scenarios\n {2}swarm +3 runs, .*\n {2}1 scenarios/,
    );
    const wanted = totalsText(campaign(1));
    expect(wanted).toMatch(/runs 3, crashes 7, .*\blies_noticed 0\b/);
    expect(wanted).not.toMatch(/abdications/);
  });
});

describe('stored results', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vopr-results-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const store = (name: string, totals: Readonly<Record<string, number>>): string => {
    const path = join(folder, name);
    const verdicts = { ok: 2, crash: 0, liveness: 0, correctness: 0 };
    const scenarios = { RepairEwmaSelection: { runs: 2, failed: 0, witnessMissing: 0 } };
    writeFileSync(path, JSON.stringify({ runs: 2, verdicts, totals, scenarios, failures: [] }));
    return path;
  };

  it('are added up, but for shares: these are worked out anew', () => {
    const first = { repair_choices: 200, repairs_of_slow: 20, repairs_of_slow_permille: 100 };
    const other = { repair_choices: 600, repairs_of_slow: 180, repairs_of_slow_permille: 300 };
    const zeros = { crashes: 0, gray_slow: 0 };
    const paths = [store('1.json', { ...first, ...zeros }), store('2.json', other)];
    const stored = storedStats(paths);
    const text = 'text' in stored ? stored.text : stored.fault;
    expect(text).toMatch(/^4 runs: ok 4/m);
    expect(text).toMatch(/^ +repair_choices +800$/m);
    expect(text).toMatch(/^ +repairs_of_slow_permille +250$/m);
    expect(text).not.toMatch(/crashes/);
  });
});
