import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Peers of very different speed. */
export const repairEwmaSelection: Scenario = {
  name: 'RepairEwmaSelection',
  group: 'repair',
  purpose: 'fast peers are asked, slow ones tried now and then',
  faults: 'two of five replicas slow for long, delays of up to 50 ms, loss 5 %',
  workload: 'four busy clients',
  property: 'repair ends although some peers are slow',
  witnesses: [
    { counter: 'graySlow', least: 2 },
    { counter: 'preparesRepaired', least: 5 },
    // Slow peers are asked far less than by chance, and now and then all the same.
    { counter: 'repairsSpared', least: 10 },
    { counter: 'repairsOfSlow', least: 1 },
  ],
  options: (seed) => {
    const base = healthy(seed, 5);
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 20_000,
        lossProbability: 0.05,
        replayProbability: 0,
        capacity: 1000,
        reorder: true,
      },
      gray: { kinds: ['slow'], enterProbability: 0.05, leaveProbability: 0.005, illMax: 2 },
    };
  },
};
