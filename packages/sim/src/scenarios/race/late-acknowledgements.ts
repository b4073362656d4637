import { PARTITIONS_OFF } from '../../network/partitions.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { drawn, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** By seed: with few prepares lost ops live long, with most of them lost they are dropped. */
const PREPARES_LOST: readonly number[] = [0.02, 0.02, 0.6, 0.9];

/**
 * Ops that wait for their votes through a whole round of views, until their first primary leads
 * again: then acknowledgements of its earlier view come back to it, from replicas that may have
 * dropped the op meanwhile. Only five or six voters have quorums that two views can make up
 * together without either having one.
 */
export const lateAcknowledgements: Scenario = {
  name: 'late_acknowledgements',
  group: 'race',
  purpose: 'acknowledgements that come back when their primary leads a later view',
  faults:
    'most acknowledgements lost, the others delivered again and again for seconds; crashes, or ' +
    'most heartbeats lost as well',
  workload: 'four slow clients',
  property: 'an op commits on acknowledgements of one view',
  witnesses: [
    { counter: 'viewChangesCompleted', least: 10 },
    { counter: 'packetsEchoed', least: 40 },
  ],
  options: (seed) => {
    const options = withReplicas(drawn(seed), seed % 2n === 0n ? 5 : 6);
    // A primary that crashes forgets who has acknowledged. One that nobody hears leads again, a
    // whole round of views later, and must not count them though it remembers.
    const crashes = (seed / 4n) % 2n === 0n;
    return {
      ...options,
      clientCount: 4,
      requestsTarget: 32,
      safetyTicksMax: 2_500,
      atlas: { wal: false, blocks: false },
      storage: { ...STORAGE_CALM, crashFaultProbability: 0.9 },
      network: {
        ...options.network,
        delayMinMicros: 1_000,
        delayMeanMicros: 10_000,
        lossProbability: 0.02,
        lossByCommand: {
          prepareOk: 0.95,
          prepare: PREPARES_LOST[Number(seed % 4n)] ?? 0,
          commit: crashes ? 0.02 : 0.9,
        },
        replayProbability: 0,
        echoProbability: 0.9,
        echoMeanMicros: 3_000_000,
        echoCommands: ['prepareOk'],
        capacity: 200,
        reorder: true,
        clogProbability: 0,
      },
      partitions: PARTITIONS_OFF,
      // A primary that starts again gives way at once: views are short.
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: crashes ? 1 / 60 : 0,
        crashDelayEventsMax: 20,
        restartProbability: 1 / 2,
      },
      clients: {
        ...options.clients,
        requestProbability: 0.02,
        idleOnProbability: 0,
        crashProbability: 0,
      },
    };
  },
};
