import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { threeOrFive, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';
import { attack } from './liar.ts';

const base = attack({
  name: 'stray_state',
  purpose: 'one replica executes what all execute, and has another state after it',
  property: 'its checkpoint is not that of a majority: it stops, and the others go on without it',
  replicaCount: 3,
  commands: [],
  mutation: { kind: 'random_field' },
  viewChanges: true,
  expects: 'liar_stops',
  rejections: [],
});

/** Nobody lies here: the replica believes what it says. */
export const strayState: Scenario = {
  ...base,
  faults: 'one bit of what one replica writes is wrong, from an op on; views change often',
  witnesses: [{ counter: 'divergencesFound', least: 1 }],
  options: (seed) => {
    const replicaCount = threeOrFive(seed);
    const liar = Number(seed % BigInt(replicaCount));
    return {
      ...withReplicas(base.options(seed), replicaCount),
      // Disks so slow, and clients so busy, that the log runs on while checkpoints are written.
      storage: { ...STORAGE_CALM, writeMeanMicros: seed % 3n === 0n ? 500 : 30_000 },
      clients: { ...CLIENTS_BUSY, requestProbability: 1 },
      // The smallest machine: it makes no claims about its state that a wrong bit would break.
      workload: 'counter',
      byzantine: {
        liar,
        rules: [],
        expects: 'liar_stops',
        rejections: [],
        strayOp: 1 + Number((seed / 7n) % 40n),
      },
    };
  },
};
