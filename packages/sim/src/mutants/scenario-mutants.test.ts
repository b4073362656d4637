import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../scenarios/registry.ts';
import { tableRows } from '../testing/page-table.ts';
import { mutantOfScenario, SCENARIO_MUTANTS } from './scenario-mutants.ts';
import { UNCAUGHT_MUTANTS } from './uncaught-mutants.ts';

/** Rows of the predecessor's catalogue that are built; the others wait (docs/vopr.md). */
const ROWS_BUILT = 53;

const proofs = Object.entries(SCENARIO_MUTANTS);

describe('each scenario of the catalogue', () => {
  it('is one that there is, and there are all of them', () => {
    const names = SCENARIOS.map(({ name }) => name);
    expect(proofs.filter(([scenario]) => !names.includes(scenario))).toEqual([]);
    expect(proofs).toHaveLength(ROWS_BUILT);
  });

  it('has a planted bug that breaks it', () => {
    const uncaught = UNCAUGHT_MUTANTS.map(({ name }) => name);
    for (const [scenario, planted] of proofs) {
      expect(mutantOfScenario(scenario), scenario).toMatchObject({ name: planted, scenario });
      expect(mutantOfScenario(scenario)?.harmless, scenario).toBeUndefined();
      expect(uncaught, scenario).not.toContain(planted);
    }
    expect(mutantOfScenario('swarm')).toBeNull();
  });

  it('stands in the documentation with it', () => {
    const page = readFileSync(new URL('../../../../docs/vopr.md', import.meta.url), 'utf8');
    const rows = tableRows(page, ['scenario', 'planted bug', 'caught by', 'runs']);
    expect(rows.map(([scenario, planted]) => [scenario, planted])).toEqual(proofs);
    for (const [scenario, , by, runs] of rows) {
      expect(by, scenario).toMatch(/^[a-z]/);
      expect(runs, scenario).toMatch(/^[1-9][0-9]*$/);
    }
  });
});
