import type { LogHeader } from '../../message/header-list.ts';
import type { SlotSet } from '../../std/bitset.ts';
import { Op } from '../../std/numbers.ts';
import type { VoteReason } from '../reasons.ts';
import type { ToldLog } from './one-membership.ts';

/**
 * What a view change uses. Written by what stands beside it; besides by what begins or ends a life
 * of the log (startup.ts, sync.ts, recover-op.ts), and where a field says so.
 */
export interface ViewChangeState {
  /** Votes to leave `view`; cleared whenever the view moves. */
  votes: SlotSet;
  /** Why this replica votes to leave, while it does. */
  voting: VoteReason | null;
  /** do_view_changes for `view`, by slot. */
  readonly dvcs: Map<number, ToldLog>;
  /** What this replica's do_view_change says; durable with the view. Also by checkpoint.ts. */
  headers: readonly (LogHeader | null)[];
  /** View changes since the last view that was seen to work; stretches the timeout. */
  attempts: number;
  /** Tick at which this view became normal here, and the commit number with which it began. */
  begunAt: number;
  begunCommit: Op;
  /** This is the new primary: its log is chosen, but not yet whole. */
  repairing: boolean;
  /** Freshness of the start_view that was asked for; also by tick.ts. */
  nonce: bigint;
}

/** Before the first view. */
export function firstViewChangeState(): ViewChangeState {
  return {
    votes: 0,
    voting: null,
    dvcs: new Map(),
    headers: [],
    attempts: 0,
    begunAt: 0,
    begunCommit: Op(0),
    repairing: false,
    nonce: 0n,
  };
}
