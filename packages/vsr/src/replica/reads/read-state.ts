import type { BlockHold } from '@kimberlite/store';
import type { ReadLevel } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import type { SlotSet } from '../../std/bitset.ts';
import { Op } from '../../std/numbers.ts';

/** Reads without a place in the log; by read.ts, read-round.ts, query-blocks.ts. */
export interface ReadState {
  /** Queries held, in all lists below, and their bytes. */
  count: number;
  bytes: number;
  /** They join the next round, or the next question to the primary. */
  arriving: PendingQuery[];
  /** Primary: backups that join the next round; one entry a backup. */
  remote: RemoteReader[];
  /** Primary: under way, oldest first. */
  rounds: ReadRound[];
  roundNext: number;
  /** Backup: the question to the primary that is under way. */
  asking: {
    readonly nonce: bigint;
    readonly askedAt: number;
    /** What was known here to be committed then: the answer names no lower op. */
    readonly least: Op;
    readonly queries: readonly PendingQuery[];
  } | null;
  waiting: WaitingQuery[];
  /** At or below the lowest index in `waiting`. */
  indexNext: Op;
  /** Some of `waiting` can be answered, and are left for a later step. */
  backlog: boolean;
  /** The one of `waiting` that may hold as many blocks as it needs; query-blocks.ts. */
  beyond: WaitingQuery | null;
  /** The newest confirmed index, and the monotonic time at which its confirmation was asked for. */
  confirmed: { readonly index: Op; readonly askedAt: number } | null;
}

/** A query that has no answer yet. */
export interface PendingQuery {
  readonly message: Message<'query'>;
  readonly level: ReadLevel;
  /** Tick at which it is refused if it has no answer yet. */
  readonly expiresAt: number;
}

/** A query that is answered as soon as `index` is executed. */
export interface WaitingQuery {
  readonly query: PendingQuery;
  readonly index: Op;
  /** Monotonic time at which the confirmation of the index was asked for. */
  readonly askedAt: number;
  /** What it has found while it waits for blocks; null before that, and while there is no room. */
  hold: BlockHold | null;
  /** `limitedSize` of the forest when there was no room for it; null before that. */
  claimedThen: number | null;
}

/** Primary: one round of confirming that the view is still everyone's. */
export interface ReadRound {
  readonly number: number;
  /** Covers every write that was acknowledged before the round began. */
  readonly index: Op;
  /** Head of the log when the round began. */
  readonly head: Op;
  /** Monotonic time at which it began. */
  readonly askedAt: number;
  confirmedBy: SlotSet;
  queries: readonly PendingQuery[];
  /** Backups that asked for the index. */
  readonly remote: readonly RemoteReader[];
}

/** A backup with queries. */
export interface RemoteReader {
  readonly slot: number;
  readonly nonce: bigint;
}

/** Before the first view. */
export function firstReadState(): ReadState {
  return {
    count: 0,
    bytes: 0,
    arriving: [],
    remote: [],
    rounds: [],
    roundNext: 0,
    asking: null,
    waiting: [],
    indexNext: Op(Number.MAX_SAFE_INTEGER),
    backlog: false,
    beyond: null,
    confirmed: null,
  };
}
