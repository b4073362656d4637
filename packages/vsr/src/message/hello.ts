import type { ChecksumFunction } from '@kimberlite/store';
import type { ClusterConfig } from '../config.ts';
import { machineNameHash } from '../machine-identity.ts';
import { View } from '../std/numbers.ts';
import { HELLO_ROLES, NO_REPLICA } from './layout.ts';
import { encodeMessage, type Message } from './message.ts';

/**
 * The sizes of a cluster, which a greeting carries in fields of the same names: all of them, since
 * replicas that differ in any one would not decide alike.
 */
export function sizesOf(config: ClusterConfig): ClusterConfig {
  const { messageSizeMax, walSlots, pipelineMax, checkpointInterval, blockSize } = config;
  const { sessionsMax, stateBytesMax, historyRevisions } = config;
  const log = { messageSizeMax, walSlots, pipelineMax, checkpointInterval };
  return { ...log, blockSize, sessionsMax, stateBytesMax, historyRevisions };
}

/** A client knows no sizes; it learns those of the cluster from the answer. */
const UNKNOWN_SIZES: ClusterConfig = {
  messageSizeMax: 0,
  walSlots: 0,
  pipelineMax: 0,
  checkpointInterval: 0,
  blockSize: 0,
  sessionsMax: 0,
  stateBytesMax: 0,
  historyRevisions: 0,
};

/**
 * The greeting of a client. `cluster` is the one that it wants to talk to, or zero for whichever
 * answers; `release` is that of its build (releaseOf).
 */
export function clientHello(options: {
  readonly cluster: bigint;
  readonly release: number;
  /** Name of the state machine that it speaks to; null for whichever answers. */
  readonly machine: string | null;
  readonly checksum: ChecksumFunction;
}): Message<'hello'> {
  const { machine, checksum } = options;
  const fields = {
    cluster: options.cluster,
    replica: NO_REPLICA,
    view: View(0),
    release: options.release,
    incarnation: 0n,
    member: 0n,
    role: HELLO_ROLES.client,
    replicaCount: 0,
    ...UNKNOWN_SIZES,
    machine: 0n,
    machineName: machine === null ? 0n : machineNameHash(machine, checksum),
  };
  return encodeMessage('hello', fields, null, checksum);
}
