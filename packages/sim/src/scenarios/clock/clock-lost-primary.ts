import { TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Who leads first: the primary of view 1, as nobody goes on in view 0. */
const FIRST_PRIMARY = 1;

/** One primary without an agreed clock, and others that have one. */
export const clockLostPrimary: Scenario = {
  name: 'clock_lost_primary',
  group: 'clock',
  purpose: 'a primary whose clock nobody confirms gives way to one that has agreement',
  faults: 'from the second second on the first primary gets no pong; loss 2 %',
  workload: 'four clients that ask now and then',
  property: 'the next one leads with an agreed clock, and timestamps grow over the change',
  witnesses: [
    { counter: 'clockAgreements', least: 1 },
    { counter: 'clockLosses', least: 1 },
    { counter: 'abdicationsClockLost', least: 1 },
    { counter: 'viewChangesCompleted', least: 2 },
  ],
  options: (seed) => ({
    ...healthy(seed, threeOrFive(seed)),
    introduced: true,
    clients: { ...CLIENTS_BUSY, requestProbability: 0.02 },
    // Samples count for twenty seconds; a run need not last much longer than that.
    timeouts: { ...TIMEOUTS_DEFAULT, clockLoss: 200 },
    network: {
      ...NETWORK_CALM,
      delayMinMicros: 1_000,
      delayMeanMicros: 3_000,
      lossProbability: 0.02,
      reorder: true,
      lossByCommand: { pong: 1 },
      lossByCommandFrom: 2_000_000,
      lossByCommandTo: FIRST_PRIMARY,
    },
  }),
};
