import type { ChecksumFunction } from '@kimberlite/store';
import type { ClusterConfig, ScrubOptions, TimeoutTable } from '@kimberlite/vsr';
import type { ByzantineOptions } from '../byzantine/mutation.ts';
import type { ClientOptions } from '../client/simulated-client.ts';
import type { Removed } from '../faults/fault-gate.ts';
import type { NetworkOptions } from '../network/network.ts';
import type { AtlasOptions } from '../storage/fault-atlas.ts';
import type { StorageOptions } from '../storage/storage.ts';
import type { Workload } from '../workload/workload.ts';
import type { ClockOptions } from './clock.ts';
import type { HintOptions } from './hints.ts';
import type { Observer } from './observer.ts';
import type { ReplicaMaker } from './replica-maker.ts';

/** What a cluster is made of, and what befalls it. */
export interface ClusterOptions {
  readonly replicaCount: number;
  readonly clientCount: number;
  readonly config: ClusterConfig;
  readonly checksum: ChecksumFunction;
  readonly workload: Workload;
  readonly maker: ReplicaMaker;
  readonly network: NetworkOptions;
  readonly storage: StorageOptions;
  /** One for each replica. */
  readonly clocks: readonly ClockOptions[];
  /** The same on all replicas; the default table when left out. */
  readonly timeouts?: TimeoutTable;
  /** Mean wait of posted work, in microseconds; half a millisecond when left out. */
  readonly workMeanMicros?: number;
  /** What replicas are told of each other's processes; nothing when left out. */
  readonly hints?: HintOptions;
  readonly clients: ClientOptions;
  /** All replicas have met before the run; else they do so under its faults. */
  readonly introduced: boolean;
  /** How the scrubbers are paced; as in production by default. */
  readonly scrub?: ScrubOptions;
  readonly atlas: Pick<AtlasOptions, 'wal' | 'blocks' | 'rotten'>;
  readonly byzantine: ByzantineOptions | null;
  /** Sees everything that happens; null costs nothing. */
  readonly observer: Observer | null;
  /** What the run goes without. */
  readonly removed: Removed;
  /** From this event on there are no new faults; null for never. */
  readonly calmFrom: number | null;
  /** So many events are taken for an endless run, and end it. */
  readonly eventsMax: number;
}
