import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scenarioNamed } from '../scenarios/registry.ts';
import { MUTANTS } from './catalogue.ts';
import { applyEdit, mutantsOfPart } from './mutant.ts';
import { UNCAUGHT_MUTANTS } from './uncaught-mutants.ts';

const packages = new URL('../../../', import.meta.url);

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
