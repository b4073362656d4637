import { CONGESTION_OFF } from '../../network/congestion.ts';
import { GRAY_OFF } from '../../run/gray-faults.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { drawn, threeOrFive, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Views that end after a few ops: logs of different views and lengths meet again and again. */
export const duellingViews: Scenario = {
  name: 'duelling_views',
  group: 'race',
  purpose: 'views that end after a few ops, acknowledgements that come very late',
  faults: 'partitions all the time, links that clog for seconds, replays, crashes',
  workload: 'four slow clients',
  property: 'the log of a new view is the one of the highest log view',
  witnesses: [{ counter: 'viewChangesCompleted', least: 5 }],
  options: (seed) => {
    const options = withReplicas(drawn(seed), threeOrFive(seed));
    return {
      ...options,
      clientCount: 4,
      requestsTarget: options.config.walSlots * 3,
      atlas: { wal: false, blocks: false },
      storage: { ...STORAGE_CALM, crashFaultProbability: 0.9 },
      network: {
        ...options.network,
        delayMinMicros: 1_000,
        delayMeanMicros: 10_000,
        lossProbability: 0.1,
        replayProbability: 0.5,
        capacity: 50,
        reorder: true,
        clogProbability: 0.001,
        clogMeanMicros: 4_000_000,
        congestion: CONGESTION_OFF,
        lossByCommand: {},
      },
      partitions: {
        modes: ['isolate_one', 'uniform_partition'],
        symmetry: 'mixed',
        beginProbability: 0.05,
        healProbability: 0.02,
        stableTicksMin: 10,
      },
      gray: GRAY_OFF,
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 500,
        crashDelayEventsMax: 20,
        restartProbability: 1 / 20,
      },
      clients: {
        ...options.clients,
        requestProbability: 0.05,
        idleOnProbability: 0,
        crashProbability: 0,
      },
    };
  },
};
