import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** A header vouches for the body that stood in the slot when it was made, and for no other. */
export const lateHeaders: Scenario = {
  name: 'late_headers',
  group: 'race',
  purpose: 'a redundant header that arrives after its slot was given to another op, and back',
  faults: 'two views by turns that do not know each other; header writes that hang through both',
  workload: 'six busy clients',
  property: 'an op is acknowledged only while its body stands in its slot',
  witnesses: [{ counter: 'lateHeaders', least: 1 }],
  options: (seed) => ({
    ...healthy(seed, 5),
    clientCount: 6,
    requestsTarget: 32 * 3,
    safetyTicksMax: 6_000,
    introduced: true,
    lateHeaders: true,
    clients: { ...CLIENTS_BUSY, queryProbability: 0.02 },
  }),
};
