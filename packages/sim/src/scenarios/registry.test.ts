import { describe, expect, it } from 'vitest';
import { SCENARIOS, scenarioNamed, scenarioOptions } from './registry.ts';
import { SCENARIO_GROUPS } from './scenario.ts';

describe('the registry of scenarios', () => {
  it('has parameters of each for every seed', () => {
    for (const { name } of SCENARIOS) {
      for (const seed of [0n, 1n, 99n]) {
        const options = scenarioOptions(name, seed);
        expect(options?.clocks.length, name).toBe(options?.replicaCount);
      }
    }
  });

  it('finds a name in any spelling, and only names', () => {
    const baseline = scenarioNamed('Baseline');
    expect(baseline).not.toBeNull();
    for (const name of ['baseline', 'BASELINE', 'base-line', 'base_line']) {
      expect(scenarioNamed(name)).toBe(baseline);
    }
    expect(scenarioNamed('nonsense')).toBeNull();
    expect(scenarioOptions('nonsense', 1n)).toBeNull();
  });

  it('has no two of one name, a known group and a reason for each', () => {
    const plain = SCENARIOS.map(({ name }) => name.toLowerCase().replaceAll('_', ''));
    expect(new Set(plain).size).toBe(SCENARIOS.length);
    for (const scenario of SCENARIOS) {
      expect(Object.keys(SCENARIO_GROUPS)).toContain(scenario.group);
      for (const text of [scenario.purpose, scenario.property, scenario.faults]) {
        expect(text.length, scenario.name).toBeGreaterThan(3);
      }
      expect(scenario.witnesses.length > 0 || scenario.name === 'swarm', scenario.name).toBe(true);
    }
  });
});
