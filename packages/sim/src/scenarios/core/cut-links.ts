import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/** Replicas of which each hears some, and no two the same ones. */
export const cutLinks: Scenario = {
  name: 'cut_links',
  group: 'core',
  purpose: 'links between replicas are cut so that no group is apart: one link, bridges, rings',
  faults: 'single links, bridges and rings, both ways or one way; loss 1 %',
  workload: 'four busy clients',
  property: 'one history, and one primary a view, though every replica hears somebody',
  witnesses: [
    { counter: 'partitionsSingleLink', least: 1 },
    { counter: 'partitionsBridge', least: 1 },
    { counter: 'partitionsRing', least: 1 },
    { counter: 'viewChangesCompleted', least: 2 },
  ],
  options: (seed) => ({
    ...healthy(seed, 5),
    network: { ...NETWORK_CALM, delayMeanMicros: 4_000, lossProbability: 0.01 },
    partitions: {
      modes: ['single_link', 'bridge', 'ring'],
      symmetry: 'mixed',
      beginProbability: 0.05,
      healProbability: 0.02,
      stableTicksMin: 70,
    },
  }),
};
