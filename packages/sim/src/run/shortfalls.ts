import type { ReplicaSnapshot } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';

/** One thing that keeps a healed core from being one healthy cluster. */
export interface Shortfall {
  /** The replica that lacks it; null where it is all of them together. */
  readonly slot: number | null;
  /** What is said of it, as in `replica 2 ...` where it is one. */
  readonly text: string;
}

/** What is asked about. */
export interface Core {
  readonly core: readonly number[];
  /** Outside of it, but whole except for a disk that takes nothing new: such a one may lead. */
  readonly hung: ReadonlySet<number>;
}

/** What the core lacks; empty when nothing. Who is further than others lacks nothing by that. */
export function shortfallsOf(cluster: Cluster, { core, hung }: Core): Shortfall[] {
  const up = new Set(statesOf(cluster, core).map(({ slot }) => slot));
  const down = core.filter((slot) => !up.has(slot)).map((slot) => ({ slot, text: 'is down' }));
  if (down.length > 0) return down;
  const states = takingPart(cluster, core);
  if (states.length === 0) return [{ slot: null, text: 'nobody is left to be healed' }];
  const view = Math.max(...states.map((state) => state.view));
  const head = Math.max(...states.map((state) => state.op));
  const found = states.flatMap((state) =>
    lacksOf(state, { view, head, unsound: unsoundOp(cluster, state) }).map((text) => ({
      slot: state.slot,
      text,
    })),
  );
  if (isLed(cluster, { core, hung }, view)) return found;
  return [...found, { slot: null, text: `there is no primary of view ${view}` }];
}

/** All of it in one line. */
export function shortfallText(shortfalls: readonly Shortfall[]): string {
  return shortfalls
    .map(({ slot, text }) => (slot === null ? text : `replica ${slot} ${text}`))
    .join('; ');
}

/** States of those that run, in the order of slots. */
export function statesOf(cluster: Cluster, core: readonly number[]): ReplicaSnapshot[] {
  return cluster.snapshots().filter(({ slot }) => core.includes(slot));
}

/** The same without those that a lie keeps out. */
export function takingPart(cluster: Cluster, core: readonly number[]): ReplicaSnapshot[] {
  return statesOf(cluster, core).filter((state) => !isShutOut(cluster, state));
}

/**
 * A liar whose file its peers deny has told them that it promised more than the file holds, and is
 * taken for an old copy of itself for as long as they remember. A replica whose file the liar alone
 * denies is mute until that takes it back, and it may have lost the right to. The others go on
 * without either.
 */
function isShutOut(cluster: Cluster, { slot, deniedBy }: ReplicaSnapshot): boolean {
  const liar = cluster.exposure?.options.liar ?? null;
  if (liar === null || deniedBy.length === 0) return false;
  return slot === liar || deniedBy.every((peer) => peer === liar);
}

/** A lie took hold, so that there is no history to compare with. */
export function isDeceived(cluster: Cluster): boolean {
  return (cluster.exposure?.belief ?? null) !== null;
}

/** What a replica waits for, as far as it knows: no condition, but often the reason of one. */
export function waitsOf(state: ReplicaSnapshot): string[] {
  const found: string[] = [];
  const { journalDirty, journalFaulty, blocksMissing, unmet, deniedBy } = state;
  if (state.logView < state.view) found.push(`its log is of view ${state.logView}`);
  if (journalDirty > 0) found.push(`lacks ${journalDirty} prepares, ${journalFaulty} unreadable`);
  if (blocksMissing > 0) found.push(`lacks ${blocksMissing} blocks`);
  if (unmet.length > 0) found.push(`has not met ${unmet.join(', ')}`);
  if (deniedBy.length > 0) found.push(`denied by ${deniedBy.join(', ')}`);
  if (state.diskHangs) found.push('its disk hangs');
  if (!state.quorumSeen) found.push(`hears ${state.votersHeard - 1} of the others`);
  if (state.commitStalled) found.push('its commits stand still');
  return found;
}

function lacksOf(
  state: ReplicaSnapshot,
  { view, head, unsound }: { view: number; head: number; unsound: number | null },
): string[] {
  const found: string[] = [];
  if (state.status !== 'normal') found.push(`is in ${state.status}`);
  if (state.view !== view) found.push(`is in view ${state.view}, another in ${view}`);
  if (state.commitMin !== state.op) found.push(`executed ${state.commitMin} of ${state.op} ops`);
  if (state.op !== head) found.push(`has head ${state.op}, another ${head}`);
  if (unsound !== null) found.push(`has not repaired op ${unsound}`);
  if (state.syncing) found.push('is syncing');
  return found;
}

/**
 * Whether somebody that the core hears leads this view. That may be one whose disk hangs, so long
 * as nothing waits for it: the others' votes commit.
 */
function isLed(cluster: Cluster, { core, hung }: Core, view: number): boolean {
  return cluster.snapshots().some((state) => {
    const heard = core.includes(state.slot) || hung.has(state.slot);
    return heard && state.isPrimary && state.view === view;
  });
}

/** An op above its checkpoint that is not right on its disk; null when there is none. */
function unsoundOp(
  cluster: Cluster,
  { slot, checkpointOp, commitMin }: ReplicaSnapshot,
): number | null {
  if (isDeceived(cluster)) return null;
  const { evidence } = cluster.storage(slot);
  for (let op = checkpointOp + 1; op <= commitMin; op += 1) {
    const entry = cluster.checkers.history.at(op);
    if (entry === null || !evidence.prepareSound(op, entry.checksum)) return op;
  }
  return null;
}
