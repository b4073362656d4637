import type { SimulationOptions } from '../../run/options.ts';
import type { Scenario } from '../scenario.ts';
import { latentRotOptions } from './scrub-detects-corruption.ts';

function options(seed: bigint): SimulationOptions {
  const latent = latentRotOptions(seed);
  return {
    ...latent,
    requestsTarget: latent.config.walSlots * 8,
    // Wants everything at every tick, and may have two sectors of it.
    scrub: { tourTicks: 1, bytesPerTick: 8192 },
    scrubJudged: null,
  };
}

export const scrubRateLimited: Scenario = {
  name: 'ScrubRateLimited',
  group: 'scrub',
  purpose: 'a tour that wants more of the disk than scrubbing may have',
  faults: 'latent faults of 20 %',
  workload: 'as drawn',
  property: 'no scrubber reads more than its share of the disk (checker bounds)',
  witnesses: [
    { counter: 'scrubTours', least: 3 },
    { counter: 'scrubTicksHeld', least: 100 },
  ],
  options,
};
