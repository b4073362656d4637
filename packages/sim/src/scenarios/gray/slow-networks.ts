import { timeoutsOfProfile } from '@kimberlite/vsr';
import { NETWORK_CALM } from '../../network/network.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** One way, in microseconds. There and back is more than a replica takes for a round trip. */
const DELAY_MICROS = 1_100_000;

/** Links so slow that a view change must last longer than any that is tried first. */
export const slowNetworks: Scenario = {
  name: 'slow_networks',
  group: 'gray',
  purpose: 'the timeouts of a local network over links far slower than what is measured of them',
  faults: 'more than a second each way, for good; crashes',
  workload: 'four clients',
  property: 'a view change that came to nothing is followed by a longer one, until one ends',
  // The first start completes a view as well: what comes to nothing is what it is about.
  witnesses: [
    { counter: 'viewChangesCompleted', least: 1 },
    { counter: 'viewChangesAbandoned', least: 1 },
  ],
  options: (seed) => {
    const options = healthy(seed, threeOrFive(seed));
    return {
      ...options,
      requestsTarget: 20,
      safetyTicksMax: 10_000,
      livenessTicksMax: 30_000,
      introduced: true,
      timeouts: timeoutsOfProfile('lan'),
      network: { ...NETWORK_CALM, delayMinMicros: DELAY_MICROS, capacity: 2_000 },
      healedDelayMicros: DELAY_MICROS,
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 2_000,
        restartProbability: 1 / 50,
      },
      clients: { ...options.clients, queryProbability: 0.02 },
    };
  },
};
