import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scenarioNamed } from '../scenarios/registry.ts';
import { tableRows } from '../testing/page-table.ts';
import { MUTANTS } from './catalogue.ts';
import { applyEdit, mutantsOfPart } from './mutant.ts';
import { UNCAUGHT_MUTANTS } from './uncaught-mutants.ts';

/** How many the catalogue of planted bugs began with. */
const MUTANTS_OWED = 42;

const packages = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('../docs/vopr.md', packages), 'utf8');

describe('mutants', () => {
  it('fit the sources, each in exactly one place', () => {
    const misfits = [...MUTANTS, ...UNCAUGHT_MUTANTS].flatMap(({ name, edits }) =>
      edits.flatMap((edit) => {
        const source = readFileSync(new URL(edit.file, packages), 'utf8');
        const applied = applyEdit(source, edit);
        return 'fault' in applied ? [`${name}: ${edit.file}: ${applied.fault}`] : [];
      }),
    );
    expect(misfits).toEqual([]);
  });

  it('have names of their own', () => {
    const all = [...MUTANTS, ...UNCAUGHT_MUTANTS];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  it('name scenarios that exist', () => {
    const unknown = [...MUTANTS, ...UNCAUGHT_MUTANTS].filter(
      ({ scenario }) => scenario !== undefined && scenarioNamed(scenario) === null,
    );
    expect(unknown.map(({ name }) => name)).toEqual([]);
  });

  it('stand in the documentation, each with its scenario, and the harmless with the reason', () => {
    const rows = tableRows(page, ['mutant', 'as', 'killed by', 'scenario', 'runs']);
    const harmful = MUTANTS.filter(({ harmless }) => harmless === undefined);
    expect(rows.map(([name, , , scenario]) => [name, scenario])).toEqual(
      harmful.map(({ name, scenario = 'swarm' }) => [name, scenario]),
    );
    for (const [name, , by, , runs] of rows) {
      expect(by, name).toMatch(/^[a-z]/);
      expect(runs, name).toMatch(by === 'not counted yet' ? /^-$/ : /^[1-9][0-9]*$/);
    }
    const told = tableRows(page, ['mutant', 'as', 'why it harms nothing']);
    expect(told.map(([name, , why]) => [name, why])).toEqual(
      MUTANTS.flatMap(({ name, harmless }) => (harmless === undefined ? [] : [[name, harmless]])),
    );
  });

  it('have all that were owed among them, by number', () => {
    const rows = [
      ...tableRows(page, ['mutant', 'as', 'killed by', 'scenario', 'runs']),
      ...tableRows(page, ['mutant', 'as', 'why it harms nothing']),
    ];
    const numbers = rows.flatMap(([, as = '']) => (as === '' ? [] : as.split(', ')));
    const owed = Array.from({ length: MUTANTS_OWED }, (_, place) => `M${place + 1}`);
    expect(new Set(numbers)).toEqual(new Set(owed));
  });

  it('fall into parts that are the whole together', () => {
    const parts = [0, 1, 2].map((index) => mutantsOfPart(MUTANTS, { index, of: 3 }));
    expect(new Set(parts.flat())).toEqual(new Set(MUTANTS));
    expect(parts.flat()).toHaveLength(MUTANTS.length);
  });

  it('are planted exactly once or not at all', () => {
    const edit = { find: 'b', replace: 'x' };
    expect(applyEdit('abc', edit)).toEqual({ patched: 'axc' });
    expect(applyEdit('ac', edit)).toHaveProperty('fault');
    expect(applyEdit('abcb', edit)).toHaveProperty('fault');
  });
});
