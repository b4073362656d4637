import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { CLOCK_CALM } from '../../cluster/clock.ts';
import { CONGESTION_MILD } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Clocks that jump back while the primary changes. */
export const clockBackwardJump: Scenario = {
  name: 'ClockBackwardJump',
  group: 'clock',
  purpose: 'clocks that jump, back too, while primaries are cut off',
  faults: 'jumps of up to 10 s either way, primaries cut off, loss 5 %',
  workload: 'four slow clients',
  property: 'timestamps grow over views and jumps',
  witnesses: [
    { counter: 'clockStepsBack', least: 3 },
    { counter: 'partitionsIsolatePrimary', least: 2 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      requestsTarget: 96,
      clients: { ...CLIENTS_BUSY, requestProbability: 1 / 20 },
      clocks: base.clocks.map(() => ({
        ...CLOCK_CALM,
        stepProbability: 1 / 200,
        stepMicrosMax: 10_000_000,
      })),
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 4_000,
        lossProbability: 0.05,
        replayProbability: 0.01,
        capacity: 1000,
        reorder: true,
        congestion: CONGESTION_MILD,
      },
      partitions: {
        modes: ['isolate_primary'],
        symmetry: 'mixed',
        beginProbability: 0.005,
        healProbability: 0.02,
        stableTicksMin: 50,
      },
    };
  },
};
