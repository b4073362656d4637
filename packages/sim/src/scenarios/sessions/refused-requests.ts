import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy, threeOrFive } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/**
 * Backups that hear nobody, but are heard. What one of them refuses for want of a quorum must not
 * reach the primary by another way. That the one and only copy of a request comes to a backup
 * takes views that change, and clients that were silent since the backup led.
 */
export const refusedRequests: Scenario = {
  name: 'refused_requests',
  group: 'sessions',
  purpose: 'requests that are refused for sure, for want of a quorum',
  faults: 'one replica that does not hear or is not heard; most heartbeats lost',
  workload: 'seven clients that seldom ask',
  property: 'what was refused for sure never happens',
  witnesses: [
    { counter: 'quorumLosses', least: 2 },
    { counter: 'definiteRefusals', least: 3 },
  ],
  options: (seed) => {
    const options = healthy(seed, threeOrFive(seed));
    return {
      ...options,
      clientCount: 7,
      requestsTarget: 32 * 3,
      safetyTicksMax: 5_000,
      clients: { ...CLIENTS_BUSY, requestProbability: 0.004, queryProbability: 0 },
      // Refusals begin soon after the last heartbeat that was heard.
      timeouts: { ...options.timeouts, quorumLoss: 25 },
      network: { ...NETWORK_CALM, delayMeanMicros: 5_000, lossByCommand: { commit: 0.85 } },
      partitions: {
        modes: ['isolate_one'],
        symmetry: 'one_way',
        beginProbability: 0.5,
        healProbability: 0.005,
        stableTicksMin: 30,
      },
    };
  },
};
