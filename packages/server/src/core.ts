import type { ChecksumFunction } from '@kimberlite/store';
import type {
  ClockPort,
  ClusterConfig,
  Prng,
  ReplicaHost,
  SchedulerPort,
  StateMachine,
  StoragePort,
  TracePort,
  TransportPort,
} from '@kimberlite/vsr';
import type { IdentityReader } from './storage/data-file.ts';
import type { FormatWrite } from './storage/data-file-format.ts';

/** What the core needs to run here. */
export interface HostOptions {
  readonly storage: StoragePort;
  readonly transport: TransportPort;
  readonly clock: ClockPort;
  readonly scheduler: SchedulerPort;
  readonly trace: TracePort;
  readonly checksum: ChecksumFunction;
  readonly config: ClusterConfig;
  readonly stateMachine: StateMachine;
  readonly prng: Prng;
  readonly cluster: bigint;
  readonly slot: number;
}

export interface FormatReplicaOptions {
  readonly config: ClusterConfig;
  readonly cluster: bigint;
  readonly slot: number;
  readonly replicaCount: number;
  readonly incarnation: bigint;
  readonly checksum: ChecksumFunction;
}

/** The three calls by which this package uses the core. */
export interface Core {
  readonly createHost: (options: HostOptions) => ReplicaHost;
  readonly formatReplica: (options: FormatReplicaOptions) => Iterable<FormatWrite>;
  readonly readSuperblockIdentity: IdentityReader;
}
