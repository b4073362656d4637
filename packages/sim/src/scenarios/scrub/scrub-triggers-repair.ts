import { NETWORK_CALM } from '../../network/network.ts';
import { PROCESS_FAULTS_OFF, type SimulationOptions } from '../../run/options.ts';
import type { Scenario } from '../scenario.ts';
import { latentRotOptions } from './scrub-detects-corruption.ts';

function options(seed: bigint): SimulationOptions {
  const latent = latentRotOptions(seed);
  return {
    ...latent,
    network: { ...NETWORK_CALM, lossProbability: 0.02 },
    storage: { ...latent.storage, crashFaultProbability: 0.9, latentFaultProbability: 0.5 },
    processes: {
      ...PROCESS_FAULTS_OFF,
      crashProbability: 1 / 500,
      crashDelayEventsMax: 50,
      restartProbability: 1 / 20,
    },
  };
}

/** Findings while replicas crash, and views change over logs that are being repaired. */
export const scrubTriggersRepair: Scenario = {
  name: 'ScrubTriggersRepair',
  group: 'scrub',
  purpose: 'sectors rot at rest among crashes and view changes',
  faults: 'latent faults of 50 %, crashes with torn writes, 2 % loss',
  workload: 'as drawn',
  property: 'what rotted is repaired and never denied; a healed core scrubs itself clean',
  witnesses: [
    { counter: 'latentFaults', least: 5 },
    { counter: 'scrubTours', least: 6 },
    { counter: 'scrubbedPrepares', least: 1 },
    { counter: 'preparesRepaired', least: 1 },
    { counter: 'crashes', least: 1 },
    { counter: 'viewChangesCompleted', least: 2 },
  ],
  options,
};
