import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Two files that may speak for one slot, and two sides of which each knows one of them. */
export const dividedRecovery: Scenario = {
  name: 'divided_recovery',
  group: 'crash',
  purpose: 'a file that takes the place of a lost one while the cluster is divided',
  faults: 'disks lost, old ones that come back on the side that does not know the new one',
  workload: 'three slow clients',
  property: 'the lost file and the new one are never both counted',
  witnesses: [
    { counter: 'lostFileAcks', least: 1 },
    { counter: 'filesKnownByFew', least: 1 },
    { counter: 'lostFilesWitnessed', least: 1 },
    { counter: 'disksReturned', least: 2 },
  ],
  options: (seed) => ({
    ...healthy(seed, 5),
    clientCount: 3,
    requestsTarget: 32,
    safetyTicksMax: 6_000,
    introduced: true,
    dividedRecovery: true,
    clients: { ...CLIENTS_BUSY, requestProbability: 0.01, queryProbability: 0.02 },
  }),
};
