import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { CLOCK_CALM } from '../../cluster/clock.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Clocks that drift inside the tolerance. */
export const clockDrift: Scenario = {
  name: 'ClockDrift',
  group: 'clock',
  purpose: 'drift inside the tolerance is tracked',
  faults: 'clocks that gain and lose up to 2 ms a second; loss 2 %',
  workload: 'four clients that ask every half second',
  property: 'timestamps grow, and the clocks stay in agreement',
  witnesses: [
    { counter: 'clockAgreements', least: 3 },
    { counter: 'clockLosses', least: 0, most: 0 },
    { counter: 'ticks', least: 3000 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      requestsTarget: 96,
      clients: { ...CLIENTS_BUSY, requestProbability: 1 / 80 },
      clocks: base.clocks.map((_, slot) => ({
        ...CLOCK_CALM,
        skewMicros: 20_000 * (slot - 1),
        driftMicrosPerSecond: 2_000 * (slot - 1),
      })),
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 2_000,
        lossProbability: 0.02,
        replayProbability: 0.01,
        capacity: 1000,
        reorder: true,
      },
    };
  },
};
