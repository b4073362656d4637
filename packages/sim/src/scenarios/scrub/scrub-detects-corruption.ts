import { NETWORK_CALM } from '../../network/network.ts';
import { PARTITIONS_OFF } from '../../network/partitions.ts';
import { PROCESS_FAULTS_OFF, type SimulationOptions } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { drawn, withReplicas } from '../base.ts';
import type { Scenario } from '../scenario.ts';

export function latentRotOptions(seed: bigint): SimulationOptions {
  const options = withReplicas(drawn(seed), 3);
  return {
    ...options,
    requestsTarget: options.config.walSlots * 4,
    network: NETWORK_CALM,
    partitions: PARTITIONS_OFF,
    processes: PROCESS_FAULTS_OFF,
    atlas: { wal: true, blocks: true },
    storage: { ...STORAGE_CALM, latentFaultProbability: 0.2 },
    scrub: { tourTicks: 100, bytesPerTick: 1_000_000 },
    // Much of it hides what is missed: the repair of one place may mend another by chance.
    scrubJudged: { rot: seed % 3n === 0n ? 60 : seed % 3n === 1n ? 10 : 3 },
  };
}

/** Rot that nobody reads by chance: only the scrubbers can find it in time. */
export const scrubDetectsCorruption: Scenario = {
  name: 'ScrubDetectsCorruption',
  group: 'scrub',
  purpose: 'sectors of every zone rot at rest; the scrubbers find and mend what nobody reads',
  faults: 'latent faults: 20 % a tick and disk while it works, up to 60 sectors at rest',
  workload: 'as drawn',
  property: 'two tours after the last fault no block is rotten, and a start of each finds nothing',
  witnesses: [
    { counter: 'latentFaults', least: 5 },
    { counter: 'scrubTours', least: 6 },
    { counter: 'scrubbedPrepares', least: 1 },
    { counter: 'scrubbedBlocks', least: 1 },
  ],
  options: latentRotOptions,
};
