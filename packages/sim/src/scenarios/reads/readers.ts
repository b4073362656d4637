import { BURSTS_OFF } from '../../client/bursts.ts';
import type { SimulationOptions } from '../../run/options.ts';
import { STORAGE_CALM } from '../../storage/storage.ts';
import { drawn, threeOrFive, withReplicas } from '../base.ts';

/** Six clients that write a little and query a lot, over slow links that clog now and then. */
export function readers(seed: bigint): SimulationOptions {
  const options = withReplicas(drawn(seed), threeOrFive(seed));
  return {
    ...options,
    clientCount: 6,
    requestsTarget: options.config.walSlots * 4,
    atlas: { wal: false, blocks: false },
    storage: STORAGE_CALM,
    network: {
      ...options.network,
      delayMinMicros: 1_000,
      delayMeanMicros: 20_000,
      lossProbability: 0.02,
      replayProbability: 0.2,
      capacity: 200,
      reorder: true,
      clogProbability: 0.005,
      clogMeanMicros: 1_500_000,
    },
    clients: {
      requestProbability: 0.1,
      idleOnProbability: 0,
      idleOffProbability: 1,
      queryProbability: 0.3,
      crashProbability: 0,
      bursts: BURSTS_OFF,
    },
  };
}
