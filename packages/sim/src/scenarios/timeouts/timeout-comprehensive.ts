import { thousandth } from '../base.ts';
import { combined } from '../core/combined.ts';
import type { Scenario } from '../scenario.ts';

/** All timers under all faults. */
export const timeoutComprehensive: Scenario = {
  name: 'TimeoutComprehensive',
  group: 'timeouts',
  purpose: 'all timeouts under all faults',
  faults: 'everything of Combined, more loss, primaries cut off, and commands lost',
  workload: 'four busy clients in three namespaces',
  property: 'every promise, and convergence once it is over',
  witnesses: [
    ...combined.witnesses,
    { counter: 'viewChangesCompleted', least: 2 },
    { counter: 'packetsLostByCommand', least: 20 },
    { counter: 'partitionsIsolatePrimary', least: 1 },
  ],
  options: (seed) => {
    const base = combined.options(seed);
    return {
      ...base,
      network: {
        ...base.network,
        delayMeanMicros: 15_000,
        lossProbability: thousandth(seed, 200),
        lossByCommand: { startView: 0.5, headers: 0.5, pong: 0.5 },
      },
      partitions: {
        ...base.partitions,
        modes: [...base.partitions.modes, 'isolate_primary'],
      },
    };
  },
};
