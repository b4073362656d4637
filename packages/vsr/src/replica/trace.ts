import type { ReadLevel } from '../message/layout.ts';
import type { Checksum, ClientId, Op, View } from '../std/numbers.ts';
import type { RequestVerdict } from './execution/sessions.ts';
import type { DiskWork } from './liveness/disk-hang.ts';
import type { Denial } from './members/denial.ts';
import type { DropReason, VoteReason } from './reasons.ts';
import type { Status } from './status.ts';

/** What a replica tells about itself. Checkers, logs and metrics live on these. */
export type TraceEvent =
  /** Left `recovering`: the log is read, the start decision is taken. */
  | { readonly kind: 'started'; readonly status: Status; readonly op: Op; readonly view: View }
  | { readonly kind: 'status'; readonly from: Status; readonly to: Status; readonly view: View }
  /** Became primary in normal status. */
  | { readonly kind: 'primary'; readonly view: View; readonly op: Op; readonly commit: Op }
  /** Votes to leave `view`. */
  | { readonly kind: 'vote'; readonly view: View; readonly reason: VoteReason }
  /** Promised: view and log_view are durable. */
  | { readonly kind: 'view_durable'; readonly view: View; readonly logView: View }
  /** Promised to the primary: this op is on this disk. */
  | {
      readonly kind: 'acknowledged';
      readonly op: Op;
      readonly view: View;
      readonly checksum: Checksum;
    }
  /** The primary gave a request a place in the log. */
  | {
      readonly kind: 'prepared';
      readonly op: Op;
      readonly checksum: Checksum;
      readonly count: number;
    }
  /** Executed here; in op order, each op once between restarts and state transfers. */
  | {
      readonly kind: 'committed';
      readonly op: Op;
      readonly view: View;
      readonly checksum: Checksum;
      readonly timestamp: number;
      readonly count: number;
      /** The prepare's body, valid during the call. */
      readonly body: Uint8Array;
    }
  /** One request of a committed op was decided; `reply` null when it was not executed. */
  | {
      readonly kind: 'executed';
      readonly op: Op;
      readonly index: number;
      readonly client: ClientId;
      readonly request: number;
      readonly operation: number;
      readonly outcome: RequestVerdict;
      readonly reply: Uint8Array | null;
    }
  /** A request of a committed op waits for blocks that are not in memory. */
  | { readonly kind: 'execution_waits'; readonly op: Op; readonly index: number }
  /** A query was answered with the state exactly after `op`. */
  | {
      readonly kind: 'queried';
      readonly op: Op;
      readonly level: ReadLevel;
      /** Milliseconds, for `bounded` alone. */
      readonly lagMax: number;
      readonly queryChecksum: Checksum;
      readonly operation: number;
      /** Valid during the call, as `reply`. */
      readonly body: Uint8Array;
      readonly reply: Uint8Array;
    }
  | {
      readonly kind: 'session_evicted';
      readonly client: ClientId;
      readonly op: Op;
      readonly index: number;
    }
  /** Uncommitted ops above `op` were given up by a view change. */
  | { readonly kind: 'truncated'; readonly op: Op; readonly from: Op; readonly view: View }
  | { readonly kind: 'checkpoint_durable'; readonly op: Op; readonly id: Checksum }
  | { readonly kind: 'wal_wrapped'; readonly op: Op }
  | {
      readonly kind: 'repaired';
      /** `header` of the log's chain; `redundant_header` and `superblock` from memory. */
      readonly what: 'header' | 'prepare' | 'block' | 'redundant_header' | 'superblock';
      readonly op: Op | null;
    }
  | ({ readonly kind: 'corrupt' } & CorruptPlace)
  /** The scrubber has been everywhere; numbers since the start of the replica. */
  | { readonly kind: 'scrub_tour'; readonly tours: number; readonly findings: number }
  | { readonly kind: 'sync_started'; readonly op: Op; readonly target: Op }
  | { readonly kind: 'sync_finished'; readonly op: Op }
  | { readonly kind: 'abdicated'; readonly view: View; readonly reason: VoteReason }
  | { readonly kind: 'abdication_withdrawn'; readonly view: View }
  /** This replica's own disk does nothing, with something asked of it; and does something again. */
  | { readonly kind: 'disk_hangs'; readonly work: DiskWork }
  | { readonly kind: 'disk_goes_on'; readonly work: DiskWork }
  /** Primary: too much waits and nothing has committed for a while. */
  | {
      readonly kind: 'commit_stalled';
      readonly view: View;
      readonly commit: Op;
      /** Prepares and requests that wait. */
      readonly waiting: number;
    }
  | { readonly kind: 'commit_resumed'; readonly view: View; readonly commit: Op }
  /** Primary: prepares are made at longer intervals, for this voter can't keep up. */
  | {
      readonly kind: 'commits_slowed';
      readonly view: View;
      readonly voter: number;
      /** Ops by which it is behind. */
      readonly lag: number;
    }
  | { readonly kind: 'commits_unslowed'; readonly view: View }
  /** Enough others are heard for the cluster to go on, or no longer are. */
  | { readonly kind: 'quorum'; readonly seen: boolean; readonly heard: number }
  /** A peer's machine says that its process is gone: a hint. */
  | { readonly kind: 'peer_refused'; readonly peer: number }
  /** A message was dropped; `reason` is a stable name, counted as a metric. */
  | {
      readonly kind: 'dropped';
      readonly command: string;
      readonly reason: DropReason;
      readonly from: number;
    }
  /** Another data file has taken the place of the peer's lost one, as of `op`. */
  | { readonly kind: 'recovered'; readonly peer: number; readonly op: Op }
  /** A peer has told what this file has promised it: the two may deal with each other. */
  | { readonly kind: 'greeted'; readonly peer: number }
  /** This file took a lost one's place; it begins in no view below that of a peer who knows it. */
  | {
      readonly kind: 'view_raised';
      readonly peer: number;
      readonly theirs: View;
      readonly view: View;
    }
  /** A peer's state after `op` is another than this replica's: one of the two has diverged. */
  | {
      readonly kind: 'checkpoint_conflict';
      readonly peer: number;
      readonly op: Op;
      readonly own: Checksum;
      readonly theirs: Checksum;
    }
  /** A peer denies this replica's data file, which is mute until it takes that back. */
  | { readonly kind: 'denied'; readonly peer: number; readonly reason: Denial }
  | { readonly kind: 'denial_withdrawn'; readonly peer: number }
  /** The cluster's clock gained or lost agreement. */
  | { readonly kind: 'clock'; readonly synchronized: boolean };

/**
 * Something on this disk that is not what was written there; found by a start, also a body that a
 * crash may have torn, which can't be told from rot in one that a checkpoint covers.
 */
export interface CorruptPlace {
  readonly what: 'prepare' | 'header' | 'block' | 'superblock';
  /** WAL slot (also of a redundant header), address of the block, or the superblock's copy. */
  readonly place: number;
  /** By a start, by a read that something else needed (a commit, a peer), or by the scrubber. */
  readonly found: 'start' | 'read' | 'scrub';
}
