import { NETWORK_CALM } from '../../network/network.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** More clients than sessions. */
export const clientSessionEviction: Scenario = {
  name: 'ClientSessionEviction',
  group: 'sessions',
  purpose: 'the same session is evicted everywhere',
  faults: 'loss 2 %, replays 1 %, a crash now and then',
  workload: 'thirteen busy clients for seven sessions',
  property: 'replicas evict the one that was idle for the longest, all the same one',
  witnesses: [{ counter: 'sessionsEvicted', least: 10 }],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      clientCount: 2 * base.config.sessionsMax - 1,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 4_000,
        lossProbability: 0.02,
        replayProbability: 0.01,
        capacity: 2000,
        reorder: true,
      },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 1_000,
        restartProbability: 1 / 20,
      },
    };
  },
};
