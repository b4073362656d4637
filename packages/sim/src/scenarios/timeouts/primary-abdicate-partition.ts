import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** A primary that sends and does not hear. */
export const primaryAbdicatePartition: Scenario = {
  name: 'PrimaryAbdicatePartition',
  title: 'Timeout: Primary Abdicate',
  group: 'timeouts',
  purpose: 'a cut-off primary steps down',
  faults:
    'every other clear link congests each tick, and loses 80 % for a while; primaries that hear ' +
    'nothing',
  workload: 'four busy clients',
  property: 'backups that still hear it are led by another soon',
  witnesses: [
    { counter: 'abdications', least: 1 },
    { counter: 'viewChangesCompleted', least: 2 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 2_000,
        lossProbability: 0,
        replayProbability: 0,
        capacity: 1000,
        reorder: true,
        congestion: {
          beginProbability: 0.5,
          endProbability: 0.3,
          delayFactor: 3,
          lossProbability: 0.8,
        },
      },
      partitions: {
        modes: ['isolate_primary'],
        symmetry: 'one_way',
        beginProbability: 0.01,
        healProbability: 0.005,
        stableTicksMin: 120,
      },
    };
  },
};
