import type { Prng, TraceEvent } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';
import { replicationQuorum } from '../cluster/quorums.ts';
import type { DiskCopy } from '../storage/storage.ts';
import { isAtRest, type Play, pause } from './play.ts';
import { type NamedFile, Recovery } from './recovery.ts';
import { swapDisk } from './swap-disk.ts';

/** Only of five are there two that know of a recovery, two that don't, and the recovered one. */
const REPLICAS = 5;
/** Ticks for which all is well before the next disk is lost. */
const REST_TICKS = 30;
/** Ticks from when the op is asked for until the old disk is back, before its peers miss it. */
const ASKED_TICKS = 12;
/** Ticks for which the old disk runs before the op commits. */
const EARLY_TICKS = 120;
/** Ticks after which the cluster is made whole, for a recovery that would not end else. */
const NAMING_TICKS = 600;
/** Ticks for which the new file is alone with those that know it. */
const ALONE_TICKS = 250;
/** Ticks for which the old disk runs with those that don't know the new file. */
const HAUNTING_TICKS = 400;

/**
 * A file takes the place of a lost one while the cluster is divided (rule recover-by-op), in one
 * play that is given again and again. A disk is lost; the op that names the new file waits on a
 * side that lacks one vote, and the old disk comes back there; its copy must not count. Then the op
 * commits on three, and one of two things happens.
 *
 * - One of the three forgets it: its superblock hangs, and it crashes. The new file starts beside
 *   the two that know it: they must not be a quorum. Then the old disk comes back beside the two
 *   that don't, cut off from the others: those must learn of the new file before they do anything
 *   else.
 * - The new file takes part, and goes on with two of the three. The third is cut off with the one
 *   that knows nothing, and the old disk comes back beside these two, heard by the latter alone:
 *   who knows that it was replaced must not be counted with it.
 */
export class DividedRecovery {
  private readonly cluster: Cluster;
  private readonly prng: Prng;
  /** Null where it is switched off. */
  private readonly play: Play | null;
  private readonly stopListening: (() => void) | null;
  /** The slot whose old disk runs, and what is put back after it. */
  private returned: { readonly slot: number; readonly current: DiskCopy } | null;
  /** The disk that was lost, with what it did when it came back. */
  private old: DiskCopy | null;
  /** The op that names the new file of this slot is asked for, and not committed. */
  private asked: number | null;
  /** In every other round somebody forgets the op. */
  private forgetting: boolean;
  /** The next backup to execute the op forgets it. */
  private forgets: boolean;
  private forgetful: number | null;

  constructor(cluster: Cluster, prng: Prng, on: boolean) {
    this.cluster = cluster;
    this.prng = prng;
    this.play = on && cluster.options.replicaCount === REPLICAS ? this.rounds() : null;
    this.returned = null;
    this.old = null;
    this.asked = null;
    this.forgetting = true;
    this.forgets = false;
    this.forgetful = null;
    const hears = this.play !== null;
    this.stopListening = hears
      ? cluster.traceListeners.listen((slot, event) => this.onTrace(slot, event))
      : null;
  }

  /** Once a tick while faults are on. */
  tick(): void {
    this.play?.next();
  }

  /** From now on no old disk is there, and none hangs. */
  end(): void {
    if (this.play === null) return;
    this.stopListening?.();
    this.takeAway();
    this.remember();
  }

  private *rounds(): Play {
    for (;;) {
      while (!this.isAtRest()) yield;
      yield* pause(REST_TICKS);
      const states = this.cluster.snapshots();
      const slot = this.prng.pick(states.filter(({ isPrimary }) => !isPrimary)).slot;
      if (this.cluster.faults.allow('lost_disk', slot)) yield* this.round(slot);
      yield;
    }
  }

  private *round(slot: number): Play {
    const { cluster, prng } = this;
    cluster.crash(slot);
    this.old = cluster.storage(slot).copy();
    cluster.loseDisk(slot);
    // A member that was heard of late is not lost.
    yield* pause((cluster.options.timeouts?.abdicate ?? 0) + REST_TICKS);
    const [primary, ...backups] = this.others(slot);
    const [friend, other, absent] = prng.shuffle(backups);
    if (primary === undefined || friend === undefined || other === undefined) return;
    if (absent === undefined) return;
    this.cutOff([other, absent]);
    const recovery = new Recovery(cluster, prng, slot);
    this.asked = slot;
    let named = yield* this.recover(recovery, ASKED_TICKS);
    this.bringBack(slot);
    named ??= yield* this.recover(recovery, EARLY_TICKS);
    this.takeAway();
    this.cutOff([absent]);
    const forgetting = this.forgetting;
    this.forgetting = !forgetting;
    this.forgets = forgetting;
    named ??= yield* this.recover(recovery, NAMING_TICKS);
    const { forgetful } = this;
    this.asked = null;
    this.forgets = false;
    if (forgetful !== null && named !== null) {
      yield* this.divided(slot, named, [forgetful, absent]);
    } else if (!forgetting && named !== null) {
      yield* this.witnessed(slot, named, [other, absent]);
    } else {
      this.remember();
      this.cutOff([]);
      while (named === null) named = yield* this.recover(recovery, NAMING_TICKS);
      cluster.recoverDisk(slot, named);
    }
    this.cutOff([]);
  }

  /** The new file beside those that know it, then the old one beside those that don't. */
  private *divided(slot: number, named: NamedFile, unknowing: readonly [number, number]): Play {
    const { cluster } = this;
    const [forgetful] = unknowing;
    cluster.crash(forgetful);
    this.remember();
    this.cutOff(unknowing);
    cluster.recoverDisk(slot, named);
    if (this.knowing(slot, named) < replicationQuorum(REPLICAS)) {
      cluster.totals.filesKnownByFew += 1;
    }
    yield* pause(ALONE_TICKS);
    yield* this.haunted(slot, unknowing, () => cluster.start(forgetful));
  }

  /** The new file takes part; then the old one runs, beside one that knows of it and one not. */
  private *witnessed(slot: number, named: NamedFile, away: readonly [number, number]): Play {
    const { cluster } = this;
    cluster.recoverDisk(slot, named);
    for (let tick = 0; tick < NAMING_TICKS && !this.takesPart(slot); tick += 1) yield;
    if (this.takesPart(slot)) cluster.totals.lostFilesWitnessed += 1;
    this.cutOff(away);
    yield* pause(ALONE_TICKS);
    const [witness] = away;
    yield* this.haunted(slot, away, () => {
      // Else the witness denies the old file at once, and it is silent.
      cluster.network.setCut(slot, witness, true);
      cluster.network.setCut(witness, slot, true);
    });
  }

  private takesPart(slot: number): boolean {
    return this.cluster.replica(slot).snapshot()?.status === 'normal';
  }

  /** The old disk runs with these for a while. */
  private *haunted(slot: number, others: readonly number[], before: () => void): Play {
    const { cluster } = this;
    this.cutOff([...others, slot]);
    before();
    this.bringBack(slot);
    yield* pause(HAUNTING_TICKS);
    this.takeAway();
    cluster.lostDisks.delete(slot);
    cluster.start(slot);
  }

  /** What `kimberlite recover` does, for so many ticks at most. */
  private *recover(recovery: Recovery, ticks: number): Play<NamedFile | null> {
    for (let tick = 0; tick < ticks; tick += 1) {
      const named = recovery.tick(this.prng);
      if (named !== null) return named;
      yield;
    }
    return null;
  }

  /** The others, their primary first. */
  private others(slot: number): number[] {
    const states = this.cluster.snapshots().filter((state) => state.slot !== slot);
    return [...states]
      .sort((first, other) => Number(other.isPrimary) - Number(first.isPrimary))
      .map((state) => state.slot);
  }

  /** How many others have the new file on their disks. */
  private knowing(slot: number, { incarnation }: NamedFile): number {
    return this.cluster.storages.filter(({ evidence }, other) => {
      const superblock = evidence.superblock();
      if (other === slot || typeof superblock === 'string') return false;
      return superblock.introductions.files[slot]?.incarnation === incarnation;
    }).length;
  }

  /** And executed all but the newest op. */
  private isAtRest(): boolean {
    const { cluster } = this;
    const { head } = cluster.checkers.history;
    return isAtRest(cluster) && cluster.snapshots().every(({ commitMin }) => commitMin >= head - 1);
  }

  /** The old disk comes back to life. */
  private bringBack(slot: number): void {
    const { cluster, old } = this;
    if (old === null) return;
    cluster.log(() => `the old disk of replica ${slot} comes back to life`);
    this.returned = { slot, current: swapDisk(this.cluster, slot, old) };
    cluster.totals.disksReturned += 1;
    cluster.lostDisks.add(slot);
    cluster.start(slot);
  }

  /** It is taken away again, and keeps what it did; what was there before is put back, at rest. */
  private takeAway(): void {
    const { cluster, returned } = this;
    if (returned === null) return;
    this.old = swapDisk(this.cluster, returned.slot, returned.current);
    this.returned = null;
    cluster.gaveUp.delete(returned.slot);
  }

  /** These replicas hear none of the others, and are not heard; all else is whole. */
  private cutOff(side: readonly number[]): void {
    for (let from = 0; from < REPLICAS; from += 1) {
      for (let to = 0; to < REPLICAS; to += 1) {
        if (from === to) continue;
        this.cluster.network.setCut(from, to, side.includes(from) !== side.includes(to));
      }
    }
  }

  /** No superblock hangs. */
  private remember(): void {
    if (this.forgetful !== null) this.cluster.storage(this.forgetful).hang([]);
    this.forgetful = null;
  }

  private onTrace(slot: number, event: TraceEvent): void {
    const { cluster, asked } = this;
    if (asked === null) return;
    if (event.kind === 'acknowledged' && slot === asked && this.returned !== null) {
      if (event.op > cluster.checkers.history.head) cluster.totals.lostFileAcks += 1;
      return;
    }
    if (event.kind !== 'recovered' || event.peer !== asked) return;
    if (!this.forgets || cluster.replica(slot).snapshot()?.isPrimary !== false) return;
    this.forgets = false;
    this.forgetful = slot;
    cluster.storage(slot).hang(['superblock']);
  }
}
