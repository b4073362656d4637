import type { ChecksumFunction } from '@kimberlite/store';
import type {
  ClusterConfig,
  Introductions,
  MachineIdentity,
  Prng,
  ReplicaHost,
  ScrubOptions,
  TimeoutTable,
  View,
  Zone,
} from '@kimberlite/vsr';
import type { Workload } from '../workload/workload.ts';
import type { ProcessPorts } from './replica-process.ts';

/** What a host is made with, apart from its ports. */
export interface HostSetup {
  readonly ports: ProcessPorts;
  readonly config: ClusterConfig;
  readonly checksum: ChecksumFunction;
  readonly workload: Workload;
  readonly cluster: bigint;
  readonly slot: number;
  readonly replicaCount: number;
  readonly timeouts: TimeoutTable;
  /** Differs with every start. */
  readonly prng: Prng;
  /** How the scrubber is paced. */
  readonly scrub: ScrubOptions;
  /** The data file cannot be used, or the replica diverged: a bug, as VOPR does no such thing. */
  readonly onFatal: (reason: string) => void;
}

/** What a new file is, apart from what all files of a cluster have in common. */
export interface FileBeginning {
  readonly incarnation: bigint;
  /** Default: it has met nobody. */
  readonly introductions?: Introductions;
  /** Where it begins; default 0. */
  readonly view?: View;
}

/** What the file of a replica is made from. */
export interface FormatSetup extends FileBeginning {
  readonly config: ClusterConfig;
  readonly machine: MachineIdentity;
  readonly checksum: ChecksumFunction;
  readonly cluster: bigint;
  readonly slot: number;
  readonly replicaCount: number;
}

/** The replica under test: the production core, or a stand-in in the simulator's own tests. */
export interface ReplicaMaker {
  format(
    setup: FormatSetup,
  ): Iterable<{ readonly zone: Zone; readonly offset: number; readonly bytes: Uint8Array }>;
  create(setup: HostSetup): ReplicaHost;
}
