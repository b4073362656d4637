import { CONGESTION_MILD } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** A network that loses a fifth, and more now and then. */
export const grayFailureIntermittentNetwork: Scenario = {
  name: 'GrayFailureIntermittentNetwork',
  group: 'gray',
  purpose: 'a lossy network reaches consistency',
  faults: 'loss 20 %, replays 5 %, mild congestion, intermittent nodes',
  workload: 'four busy clients',
  property: 'one history, and every request answered',
  witnesses: [
    { counter: 'packetsLost', least: 200 },
    { counter: 'grayIntermittent', least: 2 },
    { counter: 'congestions', least: 50 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 8_000,
        lossProbability: 0.2,
        replayProbability: 0.05,
        capacity: 1000,
        reorder: true,
        congestion: CONGESTION_MILD,
      },
      gray: { kinds: ['intermittent'], enterProbability: 0.01, leaveProbability: 0.03, illMax: 1 },
    };
  },
};
