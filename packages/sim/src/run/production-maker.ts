import { createHost, formatReplica } from '@kimberlite/vsr';
import type { ReplicaMaker } from '../cluster/replica-maker.ts';

/** Version of the simulated replicas: 0.1.0. */
const RELEASE = 0x000100;
/** Blocks that a simulated replica keeps in memory. */
const BLOCK_CACHE_BLOCKS = 6;

/** The core that ships, unchanged. */
export const productionMaker: ReplicaMaker = {
  format: (setup) => formatReplica(setup),
  create: ({ ports, config, checksum, workload, cluster, slot, timeouts, prng, scrub, onFatal }) =>
    createHost({
      storage: ports.storage,
      transport: ports.transport,
      clock: ports.clock,
      scheduler: ports.scheduler,
      trace: ports.trace,
      checksum,
      config,
      // So small that reads miss, and blocks come back from disk while ops go on.
      blockCacheSize: BLOCK_CACHE_BLOCKS * config.blockSize,
      stateMachine: workload.stateMachine(),
      prng,
      scrub,
      timeouts,
      cluster,
      slot,
      release: RELEASE,
      fatal: onFatal,
    }),
};
