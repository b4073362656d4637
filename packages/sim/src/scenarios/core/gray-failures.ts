import { NETWORK_CALM } from '../../network/network.ts';
import { GRAY_KINDS } from '../../run/gray-faults.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Half-broken replicas of every kind. */
export const grayFailures: Scenario = {
  name: 'GrayFailures',
  group: 'core',
  purpose: 'half-broken replicas: slow, intermittent, mute, deaf, frozen',
  faults: 'all gray failures, two replicas ill at once',
  workload: 'four busy clients',
  property: 'one history, and progress once a quorum is well',
  witnesses: [
    { counter: 'graySlow', least: 1 },
    { counter: 'grayIntermittent', least: 1 },
    { counter: 'graySendOnly', least: 1 },
    { counter: 'grayReceiveOnly', least: 1 },
    { counter: 'grayFrozen', least: 1 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 8_000,
        lossProbability: 0.02,
        replayProbability: 0.01,
        capacity: 1000,
        reorder: true,
      },
      gray: { kinds: GRAY_KINDS, enterProbability: 0.02, leaveProbability: 0.05, illMax: 2 },
    };
  },
};
