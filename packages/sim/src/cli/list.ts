import { CHECKERS } from '../checkers/violation.ts';
import { MUTANTS } from '../mutants/catalogue.ts';
import { UNCAUGHT_MUTANTS } from '../mutants/uncaught-mutants.ts';
import { SCENARIOS } from '../scenarios/registry.ts';
import { SCENARIO_GROUPS, type Scenario, type ScenarioGroup } from '../scenarios/scenario.ts';

/** What may be listed alone: a group that has scenarios, or one of the other lists. */
export type ListPart = ScenarioGroup | 'checkers' | 'mutants';

const ORDER: readonly string[] = Object.keys(SCENARIO_GROUPS);
const GROUPS = [...new Set(SCENARIOS.map(({ group }) => group))].sort(
  (first, other) => ORDER.indexOf(first) - ORDER.indexOf(other),
);

/** Every word that `vopr list` takes. */
export const LIST_PARTS: readonly ListPart[] = [...GROUPS, 'checkers', 'mutants'];

const PLANTED = [...MUTANTS, ...UNCAUGHT_MUTANTS];

/** Text of `vopr list`, or of a part of it. */
export function listText(part: ListPart | null): string {
  const groups = GROUPS.filter((group) => part === null || part === group);
  const sections = [
    ...(groups.length === 0 ? [] : [['Scenarios', ...groups.flatMap(groupLines)]]),
    ...(part === null || part === 'checkers' ? [['Checkers', ...checkerLines()]] : []),
    ...(part === null || part === 'mutants' ? [['Mutants (planted bugs)', ...mutantLines()]] : []),
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** The same as one JSON object. */
export function listJson(part: ListPart | null): string {
  const scenarios = SCENARIOS.filter(({ group }) => part === null || part === group);
  const value = {
    ...(scenarios.length === 0 ? {} : { scenarios: scenarios.map(scenarioJson) }),
    ...(part === null || part === 'checkers' ? { checkers: CHECKERS } : {}),
    ...(part === null || part === 'mutants'
      ? { mutants: PLANTED.map(({ name, bug }) => ({ name, bug })) }
      : {}),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

function scenarioJson(scenario: Scenario): object {
  const { name, title = null, group, purpose, faults, workload, property, witnesses } = scenario;
  return { name, title, group, purpose, faults, workload, property, witnesses };
}

const WIDTH = Math.max(22, ...SCENARIOS.map(({ name }) => name.length + 2));

function groupLines(group: ScenarioGroup): string[] {
  const rows = SCENARIOS.filter((scenario) => scenario.group === group).map(
    ({ name, title, purpose }) =>
      `    ${name.padEnd(WIDTH)}${purpose}${title === undefined ? '' : ` (${title})`}`,
  );
  return [`  ${SCENARIO_GROUPS[group]} (${group})`, ...rows];
}

function checkerLines(): string[] {
  return Object.entries(CHECKERS).map(([name, what]) => `    ${name.padEnd(WIDTH)}${what}`);
}

function mutantLines(): string[] {
  const width = Math.max(...PLANTED.map(({ name }) => name.length)) + 2;
  return PLANTED.map(({ name, bug }) => `    ${name.padEnd(width)}${bug}`);
}
