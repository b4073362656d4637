import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/**
 * Requests that come again when they are executed, at a primary that is not done executing what is
 * committed: it cannot know yet whether they are new, and gives them another place in the log.
 * Slices of long work wait for their turn, so commits wait for a checkpoint to be put away.
 */
export const repeatedRequests: Scenario = {
  name: 'repeated_requests',
  group: 'sessions',
  purpose: 'requests that are logged twice, past the filter of the primary',
  faults: 'requests delivered again and again, for seconds; most replies lost; slow long work',
  workload: 'seven busy clients',
  property: 'a request executes once, however often it is in the log',
  witnesses: [{ counter: 'duplicateRequests', least: 1 }],
  options: (seed) => ({
    ...healthy(seed, threeOrFive(seed)),
    clientCount: 7,
    requestsTarget: 32 * 4,
    safetyTicksMax: 2_000,
    // A busy client has its next request under way when the last one comes again; one that waits
    // for a lost reply has not.
    clients: { ...CLIENTS_BUSY, queryProbability: 0.02 },
    workMeanMicros: 100_000,
    network: {
      ...NETWORK_CALM,
      delayMeanMicros: 5_000,
      lossByCommand: { reply: 0.6 },
      replayRequests: true,
      echoProbability: 0.8,
      echoMeanMicros: 200_000,
      echoCommands: ['request'],
    },
  }),
};
