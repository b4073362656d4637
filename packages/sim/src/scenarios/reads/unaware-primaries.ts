import { BURSTS_OFF } from '../../client/bursts.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Primaries that others have left, and that hear of them all the same. */
export const unawarePrimaries: Scenario = {
  name: 'unaware_primaries',
  group: 'reads',
  purpose: 'queries to primaries that hear the others, and nothing of the view that those are in',
  faults: 'links that bring questions, their answers and late pings, and nothing else',
  workload: 'six clients that write and query, at all levels',
  property: 'a read is confirmed by answers to it, of who is in the view still',
  witnesses: [{ counter: 'unawarePrimaries', least: 2 }],
  options: (seed) => ({
    ...healthy(seed, threeOrFive(seed)),
    clientCount: 6,
    requestsTarget: 32 * 3,
    safetyTicksMax: 6_000,
    introduced: true,
    unawarePrimaries: true,
    clients: {
      requestProbability: 0.3,
      queryProbability: 0.3,
      idleOnProbability: 0,
      idleOffProbability: 1,
      crashProbability: 0,
      bursts: BURSTS_OFF,
    },
  }),
};
