import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { CLOCK_CALM } from '../../cluster/clock.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** A hundred simulated seconds with little to do in them. */
export const timeCompression: Scenario = {
  name: 'TimeCompression',
  group: 'core',
  purpose: 'long horizons: a hundred seconds in which timers fire thousands of times',
  faults: 'loss 1 %, replays 0.5 %, drifting clocks',
  workload: 'four clients that ask every four seconds',
  property: 'no spurious view change hurts, timestamps grow',
  witnesses: [
    { counter: 'ticks', least: 10000 },
    { counter: 'requestsAnswered', least: 96 },
    { counter: 'packetsLost', least: 100 },
    { counter: 'packetsReplayed', least: 50 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      requestsTarget: 96,
      clocks: base.clocks.map((_, slot) => ({
        ...CLOCK_CALM,
        driftMicrosPerSecond: 200 * (slot - 1),
      })),
      clients: { ...CLIENTS_BUSY, requestProbability: 1 / 400 },
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 2_000,
        lossProbability: 0.01,
        replayProbability: 0.005,
        capacity: 1000,
        reorder: true,
      },
    };
  },
};
