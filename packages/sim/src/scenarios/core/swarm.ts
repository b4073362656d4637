import { Prng } from '@kimberlite/vsr';
import { drawSwarm } from '../../run/swarm.ts';
import type { Scenario } from '../scenario.ts';

/** The default: what a campaign runs. */
export const swarm: Scenario = {
  name: 'swarm',
  group: 'core',
  purpose: 'all parameters and fault classes drawn from the seed',
  faults: 'each class of faults on or off as drawn',
  workload: 'kernel calls, or a counter in a share of seeds; silent spells',
  property: 'every promise, and convergence of a healed core',
  witnesses: [],
  options: (seed) => drawSwarm(new Prng(seed).fork()),
};
