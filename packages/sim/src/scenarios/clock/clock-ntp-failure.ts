import { CLOCK_CALM } from '../../cluster/clock.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** No samples any more. */
export const clockNtpFailure: Scenario = {
  name: 'ClockNtpFailure',
  group: 'clock',
  purpose: 'samples end: clocks go on by themselves',
  faults: 'from the second second on all pongs are lost; clocks drift; loss 5 %',
  workload: 'four busy clients',
  property: 'requests are answered without an agreed clock, timestamps grow',
  witnesses: [
    { counter: 'clockAgreements', least: 1 },
    { counter: 'clockLosses', least: 1 },
    { counter: 'packetsLostByCommand', least: 50 },
    { counter: 'requestsAnswered', least: 96 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      introduced: true,
      clocks: base.clocks.map((_, slot) => ({
        ...CLOCK_CALM,
        skewMicros: 100_000 * slot,
        driftMicrosPerSecond: 1_000 * (slot - 1),
      })),
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 5_000,
        lossProbability: 0.05,
        replayProbability: 0.01,
        capacity: 1000,
        reorder: true,
        // A clock must first agree with others before it can lose them.
        lossByCommand: { pong: 1 },
        lossByCommandFrom: 2_000_000,
      },
    };
  },
};
