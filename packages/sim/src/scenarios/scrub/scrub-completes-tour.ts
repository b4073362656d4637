import type { SimulationOptions } from '../../run/options.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

function options(seed: bigint): SimulationOptions {
  return {
    ...healthy(seed),
    scrub: { tourTicks: 100, bytesPerTick: 1_000_000 },
    scrubJudged: { rot: 0 },
  };
}

export const scrubCompletesTour: Scenario = {
  name: 'ScrubCompletesTour',
  group: 'scrub',
  purpose: 'a healthy cluster is toured again and again while it works',
  faults: 'none',
  workload: 'busy clients',
  property: 'tours end, each from an origin of its own, and nothing sound is called rotten',
  witnesses: [
    { counter: 'scrubTours', least: 6 },
    { counter: 'scrubbedPrepares', least: 0, most: 0 },
    { counter: 'scrubbedHeaders', least: 0, most: 0 },
    { counter: 'scrubbedBlocks', least: 0, most: 0 },
    { counter: 'scrubbedSuperblocks', least: 0, most: 0 },
  ],
  options,
};
