import { CONGESTION_AGGRESSIVE, CONGESTION_MILD } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Links that flap between clear and congested. */
export const swizzleClogging: Scenario = {
  name: 'SwizzleClogging',
  group: 'core',
  purpose: 'links flap between clear and congested',
  faults: 'congestion, mild or aggressive by seed; loss 5 %, replays 2 %',
  workload: 'four busy clients',
  property: 'one history; commits go on between the jams',
  witnesses: [
    { counter: 'congestions', least: 100 },
    { counter: 'packetsCongested', least: 20 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 4_000,
        lossProbability: 0.05,
        replayProbability: 0.02,
        capacity: 1000,
        reorder: true,
        congestion: seed % 2n === 0n ? CONGESTION_AGGRESSIVE : CONGESTION_MILD,
      },
    };
  },
};
