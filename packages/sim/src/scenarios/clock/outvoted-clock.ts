import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { CLOCK_CALM } from '../../cluster/clock.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Who leads first: the primary of view 1, as nobody goes on in view 0. */
const FIRST_PRIMARY = 1;
/** Far beyond what clocks that agree may differ. */
const SKEW_MICROS = 10_000_000;

/** A primary whose clock all others contradict, and that knows it. */
export const outvotedClock: Scenario = {
  name: 'outvoted_clock',
  group: 'clock',
  purpose: 'a primary whose own clock is far from those that agree',
  faults: 'the clock of the first primary is ten seconds ahead, or behind; loss 2 %',
  workload: 'four clients that ask now and then',
  property: 'ops bear the time on which a majority of the clocks agrees',
  witnesses: [
    { counter: 'clockAgreements', least: 1 },
    { counter: 'outvotedStamps', least: 20 },
  ],
  options: (seed) => {
    const base = healthy(seed, threeOrFive(seed));
    const skewMicros = seed % 4n < 2n ? SKEW_MICROS : -SKEW_MICROS;
    return {
      ...base,
      introduced: true,
      requestsTarget: 96,
      clients: { ...CLIENTS_BUSY, requestProbability: 1 / 20 },
      clocks: base.clocks.map((_, slot) =>
        slot === FIRST_PRIMARY ? { ...CLOCK_CALM, skewMicros } : CLOCK_CALM,
      ),
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 3_000,
        lossProbability: 0.02,
        reorder: true,
      },
    };
  },
};
