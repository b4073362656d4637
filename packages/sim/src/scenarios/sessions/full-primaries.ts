import { CLIENTS_BUSY } from '../../client/simulated-client.ts';
import { NETWORK_CALM } from '../../network/network.ts';
import { healthy } from '../base.ts';
import type { Scenario } from '../scenario.ts';

/**
 * Primaries whose commits stand still while more clients come than their pipelines hold: whoever
 * comes then is refused, and may ask something else under the same number.
 */
export const fullPrimaries: Scenario = {
  name: 'full_primaries',
  group: 'sessions',
  purpose: 'requests that are refused for sure, for want of room',
  faults: 'nearly all acknowledgements lost',
  workload: 'more clients than a pipeline holds requests, that seldom ask',
  property: 'what was refused for sure never happens',
  witnesses: [
    { counter: 'commitStalls', least: 1 },
    { counter: 'busyRefusals', least: 3 },
  ],
  options: (seed) => {
    const options = healthy(seed);
    return {
      ...options,
      clientCount: options.config.sessionsMax,
      requestsTarget: 32 * 2,
      safetyTicksMax: 2_000,
      clients: { ...CLIENTS_BUSY, requestProbability: 0.01, queryProbability: 0 },
      network: { ...NETWORK_CALM, delayMeanMicros: 5_000, lossByCommand: { prepareOk: 0.96 } },
    };
  },
};
