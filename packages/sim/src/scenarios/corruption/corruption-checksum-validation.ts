import { NETWORK_CALM } from '../../network/network.ts';
import { PROCESS_FAULTS_OFF } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Checksums themselves are wrong: on links and on disks. */
export const corruptionChecksumValidation: Scenario = {
  name: 'CorruptionChecksumValidation',
  group: 'corruption',
  purpose: 'checksum fields themselves are corrupted',
  faults:
    'a bit of 5 % of packets inverted, in half of them one of a checksum; read faults of 10 %, ' +
    'rot at rest, in half of it a bit of a checksum',
  workload: 'four busy clients',
  property: 'a wrong checksum never passes, and never counts as absence',
  witnesses: [
    { counter: 'decodeFaults', least: 50 },
    { counter: 'checksumsGarbled', least: 25 },
    { counter: 'checksumsRotten', least: 3 },
    { counter: 'corruptReads', least: 3 },
    { counter: 'corruptReadsHealed', least: 1 },
  ],
  options: (seed) => {
    const base = healthy(seed);
    return {
      ...base,
      atlas: { wal: true, blocks: true },
      storage: {
        ...STORAGE_CALM,
        readFaultProbability: 0.1,
        writeFaultProbability: 0,
        misdirectProbability: 0,
        crashFaultProbability: 0,
        latentFaultProbability: 0.05,
        rotChecksums: 0.5,
      },
      processes: {
        ...PROCESS_FAULTS_OFF,
        crashProbability: 1 / 500,
        crashDelayEventsMax: 50,
        restartProbability: 1 / 20,
      },
      network: { ...NETWORK_CALM, garbleProbability: 0.05, garbleChecksums: 0.5 },
    };
  },
};
