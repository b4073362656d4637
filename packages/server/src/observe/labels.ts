import {
  COMMANDS,
  type CorruptPlace,
  DROP_REASONS,
  type FrameFault,
  REFUSAL_REASONS,
  REJECTION_REASONS,
  type ReadLevel,
  type ReadOutFailure,
  snake,
  type TraceEvent,
  VOTE_REASONS,
} from '@kimberlite/vsr';
import { NETWORK_DROP_REASONS } from '../network/drop-reasons.ts';
import type { GrowthResult } from '../storage/block-room.ts';
import type { IoDone } from '../storage/io-queue.ts';

/**
 * The labels that counters have from the start, at zero: a series that came with its first event
 * would begin at one, and `increase` over it would never see that event. Each table is as complete
 * as the type of what is counted, or does not compile.
 */
type Every<Name extends string> = Readonly<Record<Name, true>>;

type Traced<Kind extends TraceEvent['kind']> = Extract<TraceEvent, { readonly kind: Kind }>;

const FRAME_FAULTS: Every<FrameFault> = {
  too_short: true,
  header_checksum: true,
  version: true,
  unknown_command: true,
  size: true,
  body_checksum: true,
  field_range: true,
  not_zero: true,
  body_shape: true,
  too_large: true,
};

const EVENTS: Every<TraceEvent['kind']> = {
  started: true,
  status: true,
  primary: true,
  vote: true,
  view_durable: true,
  acknowledged: true,
  prepared: true,
  committed: true,
  executed: true,
  execution_waits: true,
  queried: true,
  session_evicted: true,
  truncated: true,
  checkpoint_durable: true,
  wal_wrapped: true,
  repaired: true,
  corrupt: true,
  scrub_tour: true,
  sync_started: true,
  sync_finished: true,
  abdicated: true,
  abdication_withdrawn: true,
  disk_hangs: true,
  disk_goes_on: true,
  commit_stalled: true,
  commit_resumed: true,
  commits_slowed: true,
  commits_unslowed: true,
  quorum: true,
  peer_refused: true,
  dropped: true,
  recovered: true,
  greeted: true,
  view_raised: true,
  checkpoint_conflict: true,
  denied: true,
  denial_withdrawn: true,
  clock: true,
};

const REQUESTS: Every<Traced<'executed'>['outcome']> = {
  executed: true,
  duplicate: true,
  no_session: true,
  session_too_low: true,
  collision: true,
  out_of_order: true,
};

const QUERIES: Every<ReadLevel> = { linearizable: true, bounded: true, local: true };

const CORRUPTIONS: Every<CorruptPlace['what']> = {
  prepare: true,
  header: true,
  block: true,
  superblock: true,
};

const REPAIRS: Every<Traced<'repaired'>['what']> = {
  header: true,
  prepare: true,
  block: true,
  redundant_header: true,
  superblock: true,
};

const IO_KINDS: Every<IoDone['kind']> = { read: true, write: true };

const GROWTHS: Every<GrowthResult> = { grown: true, refused: true };

/** What came of a backup that was asked for. */
export type BackupResult = 'sent' | 'gone' | 'stalled' | 'refused' | ReadOutFailure;

const BACKUPS: Every<BackupResult> = {
  sent: true,
  gone: true,
  stalled: true,
  refused: true,
  too_slow: true,
  unreadable: true,
};

/** Counters of `Instruments` whose labels are known; some share them. */
type CounterName =
  | 'commands'
  | 'messagesDropped'
  | 'frameFaults'
  | 'refusals'
  | 'rejections'
  | 'events'
  | 'requests'
  | 'queries'
  | 'viewChanges'
  | 'corruptions'
  | 'repairs'
  | 'evictions'
  | 'growths'
  | 'ioBytes'
  | 'backups'
  | 'backupBytes';

/** In snake_case. */
export const LABELS: Readonly<Record<CounterName, readonly string[]>> = {
  // The reserved header fills slots of the log; nobody sends it.
  commands: namesOf(COMMANDS).filter((command) => command !== 'reserved'),
  messagesDropped: [...namesOf(DROP_REASONS), ...namesOf(NETWORK_DROP_REASONS)],
  frameFaults: namesOf(FRAME_FAULTS),
  refusals: namesOf(REFUSAL_REASONS),
  rejections: namesOf(REJECTION_REASONS),
  events: namesOf(EVENTS),
  requests: namesOf(REQUESTS),
  queries: namesOf(QUERIES),
  viewChanges: namesOf(VOTE_REASONS),
  corruptions: namesOf(CORRUPTIONS),
  repairs: namesOf(REPAIRS),
  evictions: ['limit'],
  growths: namesOf(GROWTHS),
  ioBytes: namesOf(IO_KINDS),
  backups: namesOf(BACKUPS),
  backupBytes: ['early', 'in_turn'],
};

function namesOf(table: object): readonly string[] {
  return Object.keys(table).map(snake);
}
