import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Prepares without acknowledgements. */
export const commitStallDetection: Scenario = {
  name: 'CommitStallDetection',
  group: 'timeouts',
  purpose: 'a pipeline that grows without commits is noticed',
  faults: '97 % of acknowledgements are lost, loss 5 %',
  workload: 'four busy clients',
  property: 'a primary that commits nothing gives way; nothing commits without its quorum',
  witnesses: [
    { counter: 'abdications', least: 1 },
    { counter: 'packetsLostByCommand', least: 50 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      requestsTarget: 48,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 2_000,
        lossProbability: 0.05,
        replayProbability: 0,
        capacity: 1000,
        reorder: true,
        lossByCommand: { prepareOk: 0.97 },
      },
    };
  },
};
