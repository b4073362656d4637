import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { CONGESTION_AGGRESSIVE, CONGESTION_MILD } from '../../network/congestion.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { GRAY_KINDS } from '../../run/gray-faults.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy, thousandth } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Everything at once. */
export const combined: Scenario = {
  name: 'Combined',
  group: 'core',
  purpose: 'everything on at once',
  faults:
    'loss, replays, garbled packets, congestion, disk faults, rot, writes that fail or are lost, ' +
    'crashes, power cuts, pauses, gray failures, partitions, clocks that drift and jump, clients ' +
    'that crash',
  workload: 'four busy clients in three namespaces',
  property: 'every promise',
  witnesses: [
    { counter: 'tenants', least: 3 },
    { counter: 'congestions', least: 50 },
    { counter: 'grayFailures', least: 3 },
    { counter: 'corruptReads', least: 1 },
    { counter: 'partitions', least: 1 },
    { counter: 'crashes', least: 1 },
    { counter: 'crashesOfAll', least: 1 },
    { counter: 'pauses', least: 1 },
    { counter: 'packetsGarbled', least: 1 },
    { counter: 'latentFaults', least: 1 },
    { counter: 'writesFailed', least: 1 },
    { counter: 'writesDropped', least: 1 },
    { counter: 'clockSteps', least: 1 },
    { counter: 'clientCrashes', least: 1 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      workload: 'kernel',
      namespaces: 3,
      clients: { ...CLIENTS_BUSY, crashProbability: 1 / 1_000 },
      clocks: base.clocks.map((_, slot) => ({
        skewMicros: 50_000 * slot,
        driftMicrosPerSecond: 1_000 * (slot - 1),
        stepProbability: 1 / 1_000,
        stepMicrosMax: 1_000_000,
      })),
      network: {
        ...NETWORK_CALM,
        delayMinMicros: 1_000,
        delayMeanMicros: 20_000,
        lossProbability: thousandth(seed, 100),
        replayProbability: thousandth(seed, 50),
        capacity: 1000,
        reorder: true,
        garbleProbability: 0.005,
        congestion: seed % 2n === 0n ? CONGESTION_AGGRESSIVE : CONGESTION_MILD,
      },
      atlas: { wal: true, blocks: true },
      storage: {
        ...STORAGE_CALM,
        readFaultProbability: 0.05,
        writeFaultProbability: 0.02,
        misdirectProbability: 0.01,
        crashFaultProbability: 0.9,
        latentFaultProbability: 0.02,
        writeErrorProbability: 0.002,
        droppedWriteProbability: 0.05,
      },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 1_000,
        crashAllProbability: 1 / 2_000,
        pauseProbability: 1 / 1_000,
        unpauseProbability: 1 / 30,
        restartProbability: 1 / 30,
      },
      gray: { kinds: GRAY_KINDS, enterProbability: 0.005, leaveProbability: 0.03, illMax: 1 },
      partitions: {
        modes: ['uniform_size', 'isolate_one', 'multi_group'],
        symmetry: 'mixed',
        beginProbability: 0.005,
        healProbability: 0.02,
        stableTicksMin: 20,
      },
    };
  },
};
