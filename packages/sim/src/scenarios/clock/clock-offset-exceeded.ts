import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { CLOCK_CALM } from '../../cluster/clock.ts';
import { CONGESTION_AGGRESSIVE } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** A clock far off, then another. */
export const clockOffsetExceeded: Scenario = {
  name: 'ClockOffsetExceeded',
  group: 'clock',
  purpose: 'an offset beyond the tolerance is not agreed upon',
  faults: 'clocks that jump by up to 100 s, aggressive congestion, delays of 5 to 100 ms',
  workload: 'four slow clients',
  property: 'timestamps grow although agreement is lost',
  witnesses: [
    { counter: 'clockSteps', least: 3 },
    // Not for want of samples: no majority of the clocks is within the tolerance.
    { counter: 'clockLossesByOffset', least: 1 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      requestsTarget: 96,
      clients: { ...CLIENTS_BUSY, requestProbability: 1 / 50 },
      clocks: base.clocks.map(() => ({
        ...CLOCK_CALM,
        stepProbability: 1 / 300,
        stepMicrosMax: 100_000_000,
      })),
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 5_000,
        delayMeanMicros: 20_000,
        lossProbability: 0.05,
        replayProbability: 0.02,
        capacity: 1000,
        reorder: true,
        congestion: CONGESTION_AGGRESSIVE,
      },
    };
  },
};
