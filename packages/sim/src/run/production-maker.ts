import { createHost, formatReplica } from '@kimberlite/vsr';
import type { ReplicaMaker } from '../cluster/cluster.ts';

/** The core that ships, unchanged. */
export const productionMaker: ReplicaMaker = {
  format: (setup) => formatReplica(setup),
  create: ({ ports, config, checksum, workload, cluster, slot, prng }) =>
    createHost({
      storage: ports.storage,
      transport: ports.transport,
      clock: ports.clock,
      scheduler: ports.scheduler,
      trace: ports.trace,
      checksum,
      config,
      stateMachine: workload.stateMachine(),
      prng,
      cluster,
      slot,
    }),
};
