import { assert } from '@kimberlite/store';
import { type SlotSet, setAdd, setHas } from './std/bitset.ts';
import { View } from './std/numbers.ts';

/** Member slots that exist; the primary of view v is the voter in slot v mod 16. */
export const SLOT_COUNT = 16;

/** Voters, at most, in one membership. */
export const VOTERS_MAX = 6;

/** Fewer voters than this cannot do without one of them: no file takes a lost one's place. */
export const RECOVERY_VOTERS_MIN = 3;

/** How many voters each decision needs. */
export interface Quorums {
  /** Acks that commit an op, the primary's own included. */
  readonly replication: number;
  /** Votes that move the view, and do_view_changes that choose its log. */
  readonly viewChange: number;
  /** Replicas that can prove they never acknowledged an op, so that it may be dropped. */
  readonly nack: number;
  /** More than half: clock agreement. */
  readonly majority: number;
}

/**
 * Quorums of a membership of `voters` (rule quorum-table). They come from the configuration and
 * never from what is connected. replication + viewChange > voters, so a new view always meets every
 * committed op; nack + replication > voters, so a committed op can never be dropped.
 */
export function quorumsOf(voters: number): Quorums {
  assert(voters >= 1 && voters <= VOTERS_MAX, 'one to six voters');
  const replication = voters === 2 ? 2 : Math.min(3, Math.ceil(voters / 2));
  const viewChange = voters === 2 ? 2 : voters - replication + 1;
  const nack = voters - replication + 1;
  const majority = Math.floor(voters / 2) + 1;
  if (voters === 3 || voters === 1 || voters === 5) assert(viewChange >= majority);
  // Four and six voters have a cheap replication quorum: 2 and 3. With three, ceil(3/2) is 2.
  assert(replication + viewChange > voters, 'a view change meets every commit');
  assert(nack + replication > voters, 'a nack quorum excludes a commit');
  return { replication, viewChange, nack, majority };
}

/** Slots 0 to replicaCount - 1: the fixed membership of a cluster as formatted. */
export function votersOf(replicaCount: number): SlotSet {
  let voters = 0;
  for (let slot = 0; slot < replicaCount; slot += 1) voters = setAdd(voters, slot);
  return voters;
}

/** The slot whose voter is the primary of a view. */
export function primarySlot(view: View): number {
  return view % SLOT_COUNT;
}

/** The smallest view above whose slot holds a voter. */
export function nextView(view: View, voters: SlotSet): View {
  assert(voters !== 0, 'there are voters');
  let next = view + 1;
  while (!setHas(voters, next % SLOT_COUNT)) next += 1;
  return View(next);
}
