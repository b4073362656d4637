import type { Checksum } from '@kimberlite/store';
import { SLOT_COUNT } from '../membership.ts';
import type { Message, PrepareMessage } from '../message/message.ts';
import type { SlotSet } from '../std/bitset.ts';
import { type ClientId, Op } from '../std/numbers.ts';
import type { VoteReason } from './reasons.ts';

/**
 * What only a primary uses; empty in every other role. Written by request.ts, prepare.ts,
 * prepare-ok.ts, and execute.ts for requests that are done; by primary-start.ts and
 * do-view-change.ts when a view begins, and by `clearViewState` when it ends.
 */
export interface PrimaryState {
  /** Ops (commitMax, op], ascending. At most `pipelineMax`. */
  readonly pipeline: PipelineEntry[];
  /** Requests that wait for a free pipeline slot. */
  readonly queue: QueuedRequest[];
  queueBytes: number;
  /** Client to checksum of its request in queue or pipeline: saves work, decides nothing. */
  readonly inFlight: Map<ClientId, Checksum>;
  /** Tick at which each slot was last heard in this view; by on-message.ts, abdicate.ts. */
  readonly heardInViewAt: number[];
  /** Tick of the last prepare_ok that was new, or of the last commit; also by abdicate.ts. */
  lastNewAck: number;
  /** Tick since which too much waits and nothing commits, or null; by commit-stall.ts. */
  backlogSince: number | null;
  /** Commit number when that was last looked at; as above. */
  backlogCommit: Op;
  /** Commits stand still; as above. */
  commitStalled: boolean;
  /** Why it gives way, while it does; by abdicate.ts. */
  abdicated: VoteReason | null;
  /** Slots whose files ops of the pipeline replace, and by which ops; by replacement.ts. */
  readonly replacing: Map<number, readonly Op[]>;
  /** Head of the log with which this view began: all of it may have been acknowledged. */
  viewHead: Op;
  /** Smallest timestamp that the next prepare may carry, microseconds. */
  timestampNext: number;
}

/** A prepare that waits for its quorum. */
export interface PipelineEntry {
  readonly message: PrepareMessage;
  /** Who has it on disk; a set, so that a repeated ack counts once (rule quorum-distinct). */
  acks: SlotSet;
  /** Tick of the last transmission in this view. */
  sentAt: number;
  /** Monotonic time at which this replica took it up. */
  readonly preparedAt: number;
}

/** What a request may take of replicas, asked of the state machine once. */
export interface RequestWeight {
  /** Bytes that its reply can have at most. */
  readonly replyLimit: number;
  /** Keys and rows that executing it looks at, at most. */
  readonly looks: number;
}

/** A request that waits for a place in the log. */
export interface QueuedRequest extends RequestWeight {
  readonly message: Message<'request'>;
  /** Tick at which it came. */
  readonly since: number;
}

/** Before the first view. */
export function firstPrimaryState(): PrimaryState {
  return {
    pipeline: [],
    queue: [],
    queueBytes: 0,
    inFlight: new Map(),
    heardInViewAt: Array.from({ length: SLOT_COUNT }, () => Number.NEGATIVE_INFINITY),
    lastNewAck: 0,
    backlogSince: null,
    backlogCommit: Op(0),
    commitStalled: false,
    abdicated: null,
    replacing: new Map(),
    viewHead: Op(0),
    timestampNext: 0,
  };
}
