import type { Prng } from '@kimberlite/vsr';
import type { Cluster } from '../cluster/cluster.ts';
import { HeardWords } from '../cluster/heard-words.ts';
import type { DiskCopy } from '../storage/storage.ts';
import { isBehind, type Word } from '../storage/word.ts';
import { Recovery } from './recovery.ts';

/** Files that are put back to older copies of themselves. */
export interface OldFileOptions {
  /** Per replica and tick: its file is copied, and the copy before is forgotten. */
  readonly copyProbability: number;
  /** Per tick, while no file is an old one: one is put back. */
  readonly probability: number;
  /** Per tick, while an old one is refused: somebody makes good what was done. */
  readonly remedyProbability: number;
  /** Files put back in a run, at most; one at a time. */
  readonly filesMax: number;
}

export const OLD_FILES_OFF: OldFileOptions = {
  copyProbability: 0,
  probability: 0,
  remedyProbability: 0,
  filesMax: 0,
};

/** Many in a run, each of them made good in the end. */
export const OLD_FILES_OFTEN: OldFileOptions = {
  copyProbability: 1 / 200,
  probability: 1 / 50,
  remedyProbability: 1 / 100,
  filesMax: 100,
};

/** Ticks for which the replica is down at most, before it starts from the old file. */
const DOWN_TICKS_MAX = 50;
/** Ticks after which an old file that is not refused for good gives way to the newest one. */
const PATIENCE_TICKS = 1_000;

/** Of the copies that are behind nothing, most of which are as good as new. */
const HARMLESS_SHARE = 0.1;

/** Of the refused replicas, those that are started with their newest files; others recover. */
const NEWEST_SHARE = 0.3;

/** A copy of a replica's file, made while it ran or was down. */
interface FileCopy {
  readonly disk: DiskCopy;
  readonly word: Word;
  readonly prepares: ReadonlySet<bigint>;
  /** Promises that the replica had made by then. */
  readonly promises: number;
}

/** A file in place of a refused one, and the op by which it was made. */
interface Settling {
  readonly slot: number;
  readonly op: number;
  readonly incarnation: bigint;
}

/** An old file in the place of the newest one. */
interface OldFile {
  readonly slot: number;
  readonly newest: DiskCopy;
  /** What this life of its process began with: it may have taken up some of what it lacked. */
  word: Word;
  /** In this life of its process a peer has denied it, so that it takes part in nothing. */
  denied: boolean;
  /** Until somebody starts it. */
  ticksDown: number;
  ticksLeft: number;
}

/**
 * One replica's file at a time is put back to an older copy of itself, as by the snapshot of a
 * machine. It is done only where the file's peers are bound to notice: all that run when it starts
 * have heard more of it than the copy holds, and as long as none of them has told it so, none
 * starts anew; or where the copy is behind nothing that the replica ever promised. What lies beyond
 * is lost by any design (docs/failure-model.md). Once refused, it is recovered as a lost disk is,
 * or started with its newest file.
 */
export class OldFiles {
  private readonly cluster: Cluster;
  private readonly prng: Prng;
  private readonly options: OldFileOptions;
  /** Null where it is switched off. */
  private readonly words: HeardWords | null;
  private readonly copies: Map<number, FileCopy>;
  private old: OldFile | null;
  private recovering: Recovery | null;
  /** Recovered, and not yet known to all others and level with what was committed by then. */
  private settling: Settling | null;

  constructor(cluster: Cluster, prng: Prng, options: OldFileOptions) {
    this.cluster = cluster;
    this.prng = prng;
    this.options = options;
    this.copies = new Map();
    this.old = null;
    this.recovering = null;
    this.settling = null;
    this.words =
      options.probability === 0 ? null : new HeardWords(cluster, (slot) => this.onEnd(slot));
    if (this.words === null) return;
    cluster.heardWords = this.words;
    cluster.traceListeners.listen((slot, { kind }) => {
      if (kind !== 'denied' || this.old?.slot !== slot || this.old.denied) return;
      this.old.denied = true;
      cluster.totals.oldFilesDenied += 1;
    });
  }

  /** Once a tick, after processes were started. */
  tick(): void {
    if (this.words === null) return;
    // Drawn whatever the cluster does, so that a fault held back moves no later one.
    for (const { slot } of this.cluster.replicas) {
      // Put back after another file was made, it would be a lost disk that returns.
      if (this.cluster.lostDisks.has(slot)) this.copies.delete(slot);
      if (this.prng.chance(this.options.copyProbability)) this.makeCopy(slot);
    }
    const puts = this.prng.chance(this.options.probability);
    const remedies = this.prng.chance(this.options.remedyProbability);
    const own = this.prng.fork();
    if (this.old !== null) this.watch(this.old, { remedies, prng: own });
    else if (puts && this.mayPutBack() && this.putBack(own)) return;
    if (puts) this.cluster.faults.skip('old_file');
  }

  /** No file is an old one any more, but one that is mute. */
  end(): void {
    const { old, cluster } = this;
    if (old === null || cluster.hasGivenUp(old.slot)) return;
    if (!old.denied || !cluster.replica(old.slot).running) this.takeAway(old);
  }

  private makeCopy(slot: number): void {
    const { cluster } = this;
    if (!cluster.hasNewestFile(slot)) return;
    const storage = cluster.storage(slot);
    const { evidence } = storage;
    const word = evidence.word();
    if (word === null) return;
    const prepares = evidence.durablePrepares();
    const promises = cluster.checkers.promisesMade(slot);
    this.copies.set(slot, { disk: storage.copy(), word, prepares, promises });
  }

  private mayPutBack(): boolean {
    const { cluster, settling, options } = this;
    const { replicaCount } = cluster.options;
    if (settling !== null && !this.isSettled(settling)) return false;
    this.settling = null;
    // Two of two are needed, and one alone has no peer that would know.
    if (replicaCount < 3 || cluster.partaking < replicaCount) return false;
    return cluster.totals.oldFiles + cluster.totals.oldFilesHarmless < options.filesMax;
  }

  /** Whether the newest copy of a replica drawn could be put back, and was or was held back. */
  private putBack(prng: Prng): boolean {
    const { cluster } = this;
    const slot = prng.below(cluster.options.replicaCount);
    const copy = this.copies.get(slot);
    if (copy === undefined || !cluster.hasNewestFile(slot)) return false;
    const storage = cluster.storage(slot);
    const behind = this.allRemember(slot, copy.word);
    const looks = prng.chance(HARMLESS_SHARE);
    if (!behind && !(looks && this.isHarmless(slot, copy))) return false;
    this.copies.delete(slot);
    if (!cluster.faults.allow('old_file', slot)) return true;
    if (cluster.replica(slot).running) cluster.crash(slot);
    const newest = storage.copy();
    cluster.log(() => `the file of replica ${slot} is put back to an older copy`);
    storage.putBack(copy.disk);
    if (!behind) {
      cluster.totals.oldFilesHarmless += 1;
      cluster.start(slot);
      return true;
    }
    cluster.totals.oldFiles += 1;
    cluster.oldFiles.add(slot);
    cluster.checkers.onOldFile(slot, true);
    const ticksDown = prng.below(DOWN_TICKS_MAX);
    const { word } = copy;
    this.old = { slot, newest, word, denied: false, ticksDown, ticksLeft: PATIENCE_TICKS };
    return true;
  }

  /** Whether the replica has promised nothing since, nor has a copy of its own that would count. */
  private isHarmless(slot: number, { promises, prepares }: FileCopy): boolean {
    const { checkers } = this.cluster;
    if (checkers.promisesMade(slot) !== promises) return false;
    const now = this.cluster.storage(slot).evidence.durablePrepares();
    return [...now].every((prepare) => prepares.has(prepare));
  }

  /** Whether some peers run, and each of them has heard more of this replica than the word says. */
  private allRemember(slot: number, word: Word): boolean {
    const peers = this.cluster.replicas.filter((peer) => peer.slot !== slot && peer.running);
    if (this.words === null || peers.length === 0) return false;
    const { words } = this;
    return peers.every((peer) => isBehind(word, words.of(peer.slot, slot)));
  }

  private watch(old: OldFile, { remedies, prng }: { remedies: boolean; prng: Prng }): void {
    const { cluster, recovering } = this;
    if (recovering !== null) {
      this.recover(recovering, prng);
      return;
    }
    if (cluster.hasGivenUp(old.slot)) {
      if (!remedies) return;
      // Whatever is done then is right: it has promised nothing from the old file.
      if (prng.chance(NEWEST_SHARE)) {
        this.takeAway(old);
        return;
      }
      cluster.checkers.onFileGivenUp(old.slot);
      this.recovering = new Recovery(cluster, prng, old.slot);
      return;
    }
    old.ticksLeft -= 1;
    const { running } = cluster.replica(old.slot);
    // Where a peer has forgotten before it could say so, nobody would ever know.
    const safe = old.denied || this.allRemember(old.slot, old.word);
    if (old.ticksLeft <= 0 || (running && !safe)) {
      this.takeAway(old);
      return;
    }
    old.ticksDown -= 1;
    if (running || !safe || old.ticksDown > 0) return;
    if (cluster.lostDisks.size > 0) cluster.totals.oldFilesBesideLost += 1;
    cluster.start(old.slot);
  }

  private onEnd(slot: number): void {
    const { old } = this;
    if (old?.slot !== slot) return;
    old.denied = false;
    old.word = this.cluster.storage(slot).evidence.word() ?? old.word;
  }

  /** The newest file is in its place again; it kept what it promised. */
  private takeAway({ slot, newest }: OldFile): void {
    const { cluster } = this;
    if (cluster.replica(slot).running) cluster.crash(slot);
    cluster.log(() => `replica ${slot} has its newest file again`);
    cluster.storage(slot).putBack(newest);
    cluster.checkers.onOldFile(slot, false);
    cluster.oldFiles.delete(slot);
    cluster.gaveUp.delete(slot);
    this.old = null;
    cluster.start(slot);
  }

  private recover(recovering: Recovery, prng: Prng): void {
    const { cluster } = this;
    const named = recovering.tick(prng);
    if (named === null) return;
    const { slot } = recovering;
    this.recovering = null;
    this.old = null;
    const { incarnation } = named;
    this.settling = { slot, op: cluster.checkers.history.head, incarnation };
    cluster.recoverDisk(slot, named);
  }

  /**
   * Whether the new file is as good as the lost one was. A member that has not heard of it cannot
   * follow it, so while there is one another loss would be one too many.
   */
  private isSettled({ slot, op, incarnation }: Settling): boolean {
    const known = this.cluster.storages.every(({ evidence }, other) => {
      if (other === slot) return true;
      const superblock = evidence.superblock();
      if (typeof superblock === 'string') return false;
      return superblock.introductions.files[slot]?.incarnation === incarnation;
    });
    if (!known) return false;
    const state = this.cluster.replica(slot).snapshot();
    if (state === null || state.status !== 'normal' || state.syncing) return false;
    return state.commitMin >= op && state.journalDirty === 0;
  }
}
