import { describe, expect, it } from 'vitest';
import { SPOKEN_COMMANDS } from '../../byzantine/spoken-commands.ts';
import { runSeed } from '../../run/run-seed.ts';
import { scenarioOptions } from '../registry.ts';

/** Where views change, logs have gaps, checkpoints are taken over and queries are asked. */
const EVENTFUL = ['RepairSyncTimeout', 'duelling_views', 'stale_primary_reads'];

/** Commands of what replicas sent each other in a run. */
function saidIn(name: string): Set<string> {
  const options = scenarioOptions(name, 1n);
  if (options === null) throw new Error('it is in the registry');
  const said = new Set<string>();
  runSeed({
    seed: 1n,
    simulation: options,
    observer: ({ what }) => {
      if (what.kind !== 'message') return;
      const { from, to, message } = what;
      if (Math.max(from, to) < options.replicaCount) said.add(message.header.command);
    },
  });
  return said;
}

describe('ByzantineAnyField', () => {
  it('lies about every command that replicas say to each other', () => {
    const rules = scenarioOptions('ByzantineAnyField', 1n)?.byzantine?.rules ?? [];
    const untouched = SPOKEN_COMMANDS.filter((spoken) => {
      const rule = rules.find(({ command }) => command === spoken || command === 'any');
      return rule === undefined || rule.probability === 0;
    });
    expect(untouched).toEqual([]);
  });

  it('knows them all, and no other', { timeout: 120_000 }, () => {
    const said = new Set(EVENTFUL.flatMap((name) => [...saidIn(name)]));
    expect([...said].sort()).toEqual([...SPOKEN_COMMANDS].sort());
  });
});
