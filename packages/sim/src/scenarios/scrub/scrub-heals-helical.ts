import type { SimulationOptions } from '../../run/options.ts';
import { withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';
import { latentRotOptions } from './scrub-detects-corruption.ts';

function options(seed: bigint): SimulationOptions {
  const latent = latentRotOptions(seed);
  return {
    ...withReplicas(latent, 5),
    requestsTarget: latent.config.walSlots * 3,
    storage: { ...latent.storage, latentFaultProbability: 1 },
    // Nearly every sector that may: of each place only the copies that the atlas keeps are left.
    scrubJudged: { rot: 400 },
  };
}

export const scrubHealsHelical: Scenario = {
  name: 'scrub_heals_helical',
  group: 'scrub',
  purpose: 'every disk rots nearly everywhere, each in other places, and all heal each other',
  faults: 'a latent fault each tick and disk, then 400 at rest; a quorum keeps one good copy',
  workload: 'as drawn, five replicas',
  property: 'one good copy of a place is enough: all disks end sound, and equal',
  witnesses: [
    { counter: 'latentFaults', least: 50 },
    { counter: 'scrubbedBlocks', least: 1 },
  ],
  options,
};
