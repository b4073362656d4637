import { CONGESTION_MILD } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { GRAY_KINDS } from '../../run/gray-faults.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy, thousandth } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** All timers under all faults. */
export const timeoutComprehensive: Scenario = {
  name: 'TimeoutComprehensive',
  group: 'timeouts',
  purpose: 'all timeouts under all faults',
  faults: 'everything of Combined, and commands lost',
  workload: 'four busy clients',
  property: 'every promise, and convergence once it is over',
  witnesses: [
    { counter: 'viewChangesCompleted', least: 2 },
    { counter: 'grayFailures', least: 3 },
    { counter: 'congestions', least: 100 },
    { counter: 'packetsLostByCommand', least: 20 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 15_000,
        lossProbability: thousandth(seed, 150),
        replayProbability: thousandth(seed, 50),
        capacity: 1000,
        reorder: true,
        congestion: CONGESTION_MILD,
        lossByCommand: { startView: 0.5, headers: 0.5, pong: 0.5 },
      },
      atlas: { wal: true, blocks: true },
      storage: {
        ...STORAGE_CALM,
        readFaultProbability: 0.03,
        writeFaultProbability: 0.02,
        misdirectProbability: 0,
        crashFaultProbability: 0.9,
      },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 1_000,
        pauseProbability: 1 / 500,
        unpauseProbability: 1 / 50,
        restartProbability: 1 / 30,
      },
      gray: { kinds: GRAY_KINDS, enterProbability: 0.005, leaveProbability: 0.03, illMax: 1 },
      partitions: {
        modes: ['isolate_primary', 'uniform_size'],
        symmetry: 'mixed',
        beginProbability: 0.005,
        healProbability: 0.02,
        stableTicksMin: 20,
      },
    };
  },
};
