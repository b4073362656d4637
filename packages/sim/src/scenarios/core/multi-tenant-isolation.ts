import { CONGESTION_MILD } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { GRAY_KINDS } from '../../run/gray-faults.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy, thousandth } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Five namespaces under every class of faults. */
export const multiTenantIsolation: Scenario = {
  name: 'MultiTenantIsolation',
  group: 'core',
  purpose: 'five tenants with every class of faults, no leakage',
  faults:
    'loss, replays, rot, writes that fail or are lost, crashes, mild congestion, gray failures',
  workload: 'four busy clients in five namespaces, in half of the runs mostly in one of them',
  property: 'replies equal the model of each namespace: nothing of another shows',
  witnesses: [
    { counter: 'requestsAnswered', least: 96 },
    { counter: 'tenants', least: 5 },
    { counter: 'congestions', least: 50 },
    { counter: 'grayFailures', least: 2 },
    { counter: 'corruptReads', least: 1 },
    { counter: 'writesFailed', least: 1 },
    { counter: 'writesDropped', least: 1 },
    { counter: 'crashes', least: 2 },
    { counter: 'packetsLost', least: 10 },
    { counter: 'packetsReplayed', least: 10 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      workload: 'kernel',
      namespaces: 5,
      keyOrder: seed % 2n === 0n ? 'hot_namespace' : 'uniform',
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 5_000,
        lossProbability: Math.max(0.001, thousandth(seed, 50)),
        replayProbability: Math.max(0.001, thousandth(seed, 20)),
        capacity: 2000,
        reorder: true,
        congestion: CONGESTION_MILD,
      },
      atlas: { wal: true, blocks: true },
      storage: {
        ...STORAGE_CALM,
        readFaultProbability: 0.05,
        writeFaultProbability: 0.01,
        misdirectProbability: 0,
        crashFaultProbability: 0.5,
        writeErrorProbability: 0.001,
        droppedWriteProbability: 0.02,
      },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 1_000,
        restartProbability: 1 / 20,
      },
      gray: { kinds: GRAY_KINDS, enterProbability: 0.005, leaveProbability: 0.04, illMax: 1 },
    };
  },
};
