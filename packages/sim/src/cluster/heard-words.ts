import type { AnyMessage } from '@kimberlite/vsr';
import { mostOf, NO_WORD, type Word } from '../storage/word.ts';
import type { Cluster } from './cluster.ts';

/**
 * What each replica that runs has heard its peers promise in this life of its process, judged by
 * the messages that it took. It is at most what the replica ought to remember: what a paused one is
 * given later is left out.
 */
export class HeardWords {
  private readonly cluster: Cluster;
  private readonly onEnd: (slot: number) => void;
  /** By slot: the file that took the place of another in this run. */
  private readonly files: Map<number, bigint>;
  /** By slot that hears and slot that is heard. */
  private readonly heard: Word[][];
  /** What a replica is being given. */
  private taking: { readonly slot: number; readonly author: number; readonly word: Word } | null;

  /** `onEnd` is told whose process has ended, when its disk is at rest. */
  constructor(cluster: Cluster, onEnd: (slot: number) => void) {
    this.cluster = cluster;
    this.onEnd = onEnd;
    this.heard = cluster.replicas.map(() => cluster.replicas.map(() => NO_WORD));
    this.taking = null;
    this.files = new Map();
    cluster.traceListeners.listen((slot, event) => {
      if (event.kind === 'dropped' && slot === this.taking?.slot) this.taking = null;
    });
  }

  /** What this replica has heard of that one. */
  of(slot: number, author: number): Word {
    return this.heard[slot]?.[author] ?? NO_WORD;
  }

  /** Another file is in this slot now. */
  onFileReplaced(author: number, incarnation: bigint): void {
    this.files.set(author, incarnation);
    for (const words of this.heard) words[author] = NO_WORD;
  }

  /** The process of a replica ended, and its memory with it. */
  onStopped(slot: number): void {
    this.heard[slot]?.fill(NO_WORD);
    if (this.taking?.slot === slot) this.taking = null;
    this.onEnd(slot);
  }

  /** A message is about to be taken by a replica that runs. */
  onReceive(slot: number, message: AnyMessage): void {
    const word = wordOf(message);
    const { replica: author, incarnation } = message.header;
    if (word === null || this.cluster.replica(slot).paused) return;
    if (!this.hears(slot, message) || this.heard[slot]?.[author] === undefined) return;
    if (!this.isKnown(slot, author, incarnation)) return;
    this.taking = { slot, author, word };
  }

  /** It was taken, unless it was dropped meanwhile. */
  onTaken(): void {
    const { taking } = this;
    this.taking = null;
    if (taking === null || !this.cluster.replica(taking.slot).running) return;
    const words = this.heard[taking.slot];
    if (words === undefined) return;
    words[taking.author] = mostOf(words[taking.author] ?? NO_WORD, taking.word);
  }

  /** Who takes part in nothing yet hears greetings alone. */
  private hears(slot: number, { header }: AnyMessage): boolean {
    const state = this.cluster.replica(slot).snapshot();
    if (state === null || state.status === 'recovering') return false;
    const mute = state.status === 'introducing' || state.deniedBy.length > 0;
    return !mute || header.command === 'ping';
  }

  /** The author's own file, and noted as that by who hears it. */
  private isKnown(slot: number, author: number, incarnation: bigint): boolean {
    const noted = this.cluster.storage(slot).evidence.superblock();
    if (typeof noted === 'string') return false;
    if ((this.files.get(author) ?? incarnation) !== incarnation) return false;
    return noted.introductions.files[author]?.incarnation === incarnation;
  }
}

/** What the author of this message promises with it; null for nothing. */
function wordOf({ header }: AnyMessage): Word | null {
  const { view } = header;
  switch (header.command) {
    case 'prepareOk':
      return { view, logView: view, op: header.op };
    case 'commit':
      return { view, logView: view, op: header.durableOp };
    case 'startView':
      return { view, logView: view, op: 0 };
    case 'startViewChange':
    case 'doViewChange':
      return { ...NO_WORD, view };
    case 'ping': {
      const { promisedView, promisedLogView, promisedOp } = header;
      return { view: promisedView, logView: promisedLogView, op: promisedOp };
    }
    default:
      return null;
  }
}
