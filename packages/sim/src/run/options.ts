import type { KeyOrder } from '@kimberlite/kernel';
import type { ClusterConfig, ScrubOptions, TimeoutTable, TraceEvent } from '@kimberlite/vsr';
import type { ByzantineOptions } from '../byzantine/mutation.ts';
import type { ClientOptions } from '../client/simulated-client.ts';
import type { ClockOptions } from '../cluster/clock.ts';
import type { HintOptions } from '../cluster/hints.ts';
import type { NetworkOptions } from '../network/network.ts';
import type { PartitionOptions } from '../network/partitions.ts';
import type { AtlasOptions } from '../storage/fault-atlas.ts';
import type { StorageOptions } from '../storage/storage.ts';
import type { FullDiskOptions } from './full-disks.ts';
import type { GrayOptions } from './gray-faults.ts';
import type { HungDiskOptions } from './hung-disks.ts';
import type { LostDiskOptions } from './lost-disk.ts';
import type { OldFileOptions } from './old-files.ts';
import type { Totals } from './totals.ts';

/** What befalls processes. Probabilities are per replica and tick unless said otherwise. */
export interface ProcessFaultOptions {
  readonly crashProbability: number;
  /** Added while the replica has writes in flight. */
  readonly crashWhileWritingProbability: number;
  /** Per tick: all replicas lose power at once. */
  readonly crashAllProbability: number;
  /** A crash strikes after up to so many further calls and effects of the replica. */
  readonly crashDelayEventsMax: number;
  readonly restartProbability: number;
  /** A replica stays up, and down, at least this long. */
  readonly stableTicksMin: number;
  readonly pauseProbability: number;
  readonly unpauseProbability: number;
  readonly crashAt: CrashAt;
}

/**
 * A replica that does one of these things crashes with this probability, then or soon after.
 */
export interface CrashAt {
  readonly events: readonly TraceEvent['kind'][];
  readonly probability: number;
}

export const CRASH_AT_NOTHING: CrashAt = { events: [], probability: 0 };

/** No process crashes or pauses. */
export const PROCESS_FAULTS_OFF: ProcessFaultOptions = {
  crashProbability: 0,
  crashWhileWritingProbability: 0,
  crashAllProbability: 0,
  crashDelayEventsMax: 1,
  restartProbability: 0,
  stableTicksMin: 0,
  pauseProbability: 0,
  unpauseProbability: 1,
  crashAt: CRASH_AT_NOTHING,
};

/**
 * Something that must have happened in a run, or the run proves nothing; with `most`, something
 * that must not happen more often in the safety phase, or the run has failed.
 */
export interface Witness {
  readonly counter: keyof Totals;
  readonly least: number;
  readonly most?: number;
}

/** What the simulated disks and messages are checked by: SHA-256 is what ships. */
export const CHECKSUMS = ['mix128', 'sha256-128'] as const;
/** State machines, each with what clients ask of it. */
export const WORKLOADS = ['kernel', 'counter', 'rows'] as const;

/** Everything that a seed decides about a run, apart from the draws during it. */
export interface SimulationOptions {
  readonly replicaCount: number;
  readonly clientCount: number;
  readonly config: ClusterConfig;
  readonly checksum: (typeof CHECKSUMS)[number];
  readonly workload: (typeof WORKLOADS)[number];
  /** Calls in one request of the kernel's workload, at most. */
  readonly callsMax: number;
  /**
   * Deleted keys that the ranges of one request of the kernel may come by. Drawn with `callsMax`:
   * what ships where that is 4, else so few that ranges often end among them.
   */
  readonly looksShared: number;
  /** Namespaces that the kernel's workload spreads over. */
  readonly namespaces: number;
  /** Which keys the kernel's workload names. */
  readonly keyOrder: KeyOrder;
  /** The safety phase ends when so many requests were answered, */
  readonly requestsTarget: number;
  /** or after so many ticks, with faults on. */
  readonly safetyTicksMax: number;
  /** A healed disk needs at least so many microseconds for a write; 0 for what is usual. */
  readonly healedWriteMicros: number;
  /** A healed link takes at least so many microseconds; 0 for what is usual. */
  readonly healedDelayMicros: number;
  /** Time in which a healed core must converge. */
  readonly livenessTicksMax: number;
  readonly network: NetworkOptions;
  readonly partitions: PartitionOptions;
  readonly storage: StorageOptions;
  /** All replicas have met before the run; else they do so under its faults. */
  readonly introduced: boolean;
  readonly lostDisk: LostDiskOptions;
  readonly oldFiles: OldFileOptions;
  /** Files take the place of lost ones while the cluster is divided; of five replicas only. */
  readonly dividedRecovery: boolean;
  /** Headers reach the disk after their slots were given away and back; of five replicas only. */
  readonly lateHeaders: boolean;
  /** Primaries that others have left hear late pings, and answers to their questions alone. */
  readonly unawarePrimaries: boolean;
  /** Faults that the disks may have at all, where the atlas allows them. */
  readonly atlas: Pick<AtlasOptions, 'wal' | 'blocks' | 'rotten'>;
  readonly processes: ProcessFaultOptions;
  readonly gray: GrayOptions;
  readonly hungDisks: HungDiskOptions;
  readonly fullDisks: FullDiskOptions;
  /** Lies told in the safety phase; null for none. */
  readonly byzantine: ByzantineOptions | null;
  readonly clocks: readonly ClockOptions[];
  readonly clients: ClientOptions;
  /** The safety phase waits for these too, as long as its time lasts. */
  readonly witnesses: readonly Witness[];
  readonly scrub: ScrubOptions;
  /**
   * Whether a healed core must scrub itself clean, so that a start of each finds nothing rotten;
   * and how many sectors are drawn to rot on each disk before that.
   */
  readonly scrubJudged: { readonly rot: number } | null;
  readonly timeouts: TimeoutTable;
  /** Mean wait of a slice of long work (a checkpoint's, say) for its turn, in microseconds. */
  readonly workMeanMicros: number;
  readonly hints: HintOptions;
}
