import { CONGESTION_AGGRESSIVE } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { GRAY_KINDS } from '../../run/gray-faults.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Much to repair over links that hold little. */
export const repairBudgetPreventsStorm: Scenario = {
  name: 'RepairBudgetPreventsStorm',
  title: 'Repair: Budget Prevents Storm',
  group: 'repair',
  purpose: 'a budget caps what repair sends',
  faults: 'loss 15 %, links of ten packets, aggressive congestion, gray failures',
  workload: 'four busy clients',
  property: 'repair never crowds out what it waits for: the core converges',
  witnesses: [
    { counter: 'preparesRepaired', least: 10 },
    // More is missing than may be asked for.
    { counter: 'repairBudgetFull', least: 20 },
    { counter: 'packetsOverflowed', least: 1 },
    { counter: 'congestions', least: 50 },
    { counter: 'grayFailures', least: 2 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 9_000,
        lossProbability: 0.15,
        replayProbability: 0,
        capacity: 10,
        reorder: true,
        congestion: CONGESTION_AGGRESSIVE,
      },
      gray: { kinds: GRAY_KINDS, enterProbability: 0.01, leaveProbability: 0.03, illMax: 1 },
    };
  },
};
