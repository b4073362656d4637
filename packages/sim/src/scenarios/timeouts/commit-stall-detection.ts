import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** More requests than commit while messages are lost, acknowledgements above all. */
export const commitStallDetection: Scenario = {
  name: 'CommitStallDetection',
  title: 'Timeout: Commit Stall',
  group: 'timeouts',
  purpose: 'a pipeline that grows without commits is noticed',
  faults: 'loss 10 %, and 93 % of the acknowledgements besides',
  workload: 'as many busy clients as there are sessions',
  property: 'new requests are turned away while nothing commits, and taken again when it does',
  witnesses: [
    { counter: 'commitStalls', least: 1 },
    { counter: 'packetsLostByCommand', least: 50 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      clientCount: base.config.sessionsMax,
      requestsTarget: 192,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 2_000,
        lossProbability: 0.1,
        replayProbability: 0,
        capacity: 1000,
        reorder: true,
        lossByCommand: { prepareOk: 0.93 },
      },
    };
  },
};
