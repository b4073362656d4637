import { readU128 } from '@kimberlite/store';
import {
  type AnyMessage,
  HEADER_SIZE,
  isCommand,
  KNOWN_FILES_SIZE,
  type Message,
  type ReplicaSnapshot,
  type TraceEvent,
} from '@kimberlite/vsr';
import type { DiskEvidence } from '../storage/disk-evidence.ts';
import { TAKES_PART } from './early-files.ts';
import { check } from './violation.ts';

interface Views {
  readonly view: number;
  readonly logView: number;
}

interface Promised {
  view: number;
  logView: number;
  /** Acknowledged ops of `logView`, with their checksums. */
  readonly acknowledged: Map<number, bigint>;
  acknowledgedMax: number;
  /** Its head was uncertain, and it was not normal since. */
  uncertain: boolean;
  /** Promises made so far. */
  made: number;
  /** Its file was put back to a copy from before some of it. */
  forgotten: boolean;
}

/**
 * Good copies of a superblock without which nothing counts as durable: one of four may be torn by
 * the next write, and two must be left.
 */
const SUPERBLOCK_COPIES_LEAST = 3;

function promisedNothing(): Promised {
  return {
    view: 0,
    logView: 0,
    acknowledged: new Map(),
    acknowledgedMax: 0,
    uncertain: false,
    made: 0,
    forgotten: false,
  };
}

/** Commands from which nobody concludes anything about the author's view. */
const SHOWS_NO_VIEW: ReadonlySet<string> = new Set([
  'requestStartView',
  'hello',
  'rejection',
  'block',
  'refusal',
  'request',
]);

/**
 * What each replica promised, across its restarts: views and log views that it showed, ops that it
 * acknowledged. Also that nothing is shown before it is durable, which is judged by the messages
 * that leave the replica and by the bytes on its disk, not by what it says of itself.
 */
export class Promises {
  private readonly replicas: Promised[];
  private readonly disks: readonly DiskEvidence[];

  constructor(disks: readonly DiskEvidence[]) {
    this.disks = disks;
    this.replicas = disks.map(() => promisedNothing());
  }

  /** A new disk in place of a lost one keeps no promise, so it must not be asked for any. */
  onDiskLost(slot: number): void {
    this.replicas[slot] = promisedNothing();
  }

  /** Promises that the replica has made so far: a number that grows with each. */
  made(slot: number): number {
    return this.at(slot).made;
  }

  /**
   * The file is an older copy of itself now, or no longer: it has forgotten what it promised, and
   * must not promise anything to anybody, until the newest one is there again.
   */
  setForgotten(slot: number, forgotten: boolean): void {
    this.at(slot).forgotten = forgotten;
  }

  onTrace(slot: number, event: TraceEvent): void {
    // What it does on its own disk counts for nobody, as long as nobody is told.
    if (this.at(slot).forgotten) return;
    switch (event.kind) {
      case 'view_durable':
        this.onViewDurable(slot, event.view, event.logView);
        return;
      case 'acknowledged':
        this.onAcknowledged(slot, event);
        return;
      case 'status':
        if (event.to === 'normal') this.at(slot).uncertain = false;
        if (event.to === 'recovering_head') this.at(slot).uncertain = true;
        return;
      default:
        return;
    }
  }

  /**
   * The replica is about to start from this disk: what was promised must be on it, and what a crash
   * cut short but left whole counts as promised from now on.
   */
  onStarting(slot: number): void {
    if (!this.at(slot).forgotten) this.raise(slot, this.durable(slot));
  }

  /** The replica took its start decision; `state` is what it is after that call. */
  onStarted(slot: number, state: ReplicaSnapshot): void {
    const promised = this.at(slot);
    if (promised.forgotten) return;
    const { view, logView, op, status } = state;
    check('promises', view >= promised.view, () => `replica ${slot} forgot view ${promised.view}`);
    check(
      'promises',
      logView >= promised.logView,
      () => `replica ${slot} forgot log view ${promised.logView}`,
    );
    if (status === 'recovering_head') {
      const disk = this.disks[slot];
      const damaged = promised.uncertain || disk === undefined || disk.logAmbiguous();
      check('recovery', damaged, () => `replica ${slot} doubts its head over a sound log`);
      promised.uncertain = true;
      return;
    }
    if (logView !== promised.logView) return;
    check(
      'promises',
      op >= promised.acknowledgedMax,
      () => `replica ${slot} starts with head ${op}, had acknowledged ${promised.acknowledgedMax}`,
    );
  }

  /** A message leaves a replica. */
  onSend(slot: number, message: AnyMessage): void {
    const { header } = message;
    if (header.replica !== slot || SHOWS_NO_VIEW.has(header.command)) return;
    const promised = this.at(slot);
    if (promised.forgotten) {
      check(
        'promises',
        !TAKES_PART.has(header.command),
        () => `replica ${slot} sends a ${header.command} from a file that has forgotten promises`,
      );
      return;
    }
    check(
      'promises',
      header.view <= promised.view,
      () => `replica ${slot} shows view ${header.view} in a ${header.command} before it is durable`,
    );
    switch (header.command) {
      case 'prepareOk':
      case 'startView':
      case 'reply':
      case 'eviction':
        check(
          'promises',
          header.view <= promised.logView,
          () =>
            `replica ${slot} sends a ${header.command} before log view ${header.view} is durable`,
        );
        return;
      case 'doViewChange':
        if (isCommand(message, 'doViewChange')) this.onDoViewChange(slot, message);
        return;
      default:
        return;
    }
  }

  private onViewDurable(slot: number, view: number, logView: number): void {
    const disk = this.durable(slot);
    check(
      'promises',
      disk.view >= view && disk.logView >= logView,
      () => `replica ${slot} takes view ${view} for durable before it is`,
    );
    const copies = this.disks[slot]?.superblockCopies() ?? 0;
    check(
      'promises',
      copies >= SUPERBLOCK_COPIES_LEAST,
      () => `replica ${slot} takes view ${view} for durable with ${copies} good superblocks`,
    );
    this.raise(slot, { view, logView });
  }

  /** What a start would find on this disk. */
  private durable(slot: number): Views {
    const superblock = this.disks[slot]?.superblock() ?? 'not_found';
    check(
      'promises',
      typeof superblock !== 'string',
      () => `replica ${slot} has lost its superblock`,
    );
    return superblock;
  }

  private raise(slot: number, { view, logView }: Views): void {
    const promised = this.at(slot);
    check('promises', view >= promised.view, () => `replica ${slot} goes back to view ${view}`);
    check('promises', logView >= promised.logView, () => `replica ${slot}: log view goes back`);
    check('promises', logView <= view, () => `replica ${slot}: log view above its view`);
    if (view > promised.view || logView > promised.logView) promised.made += 1;
    promised.view = view;
    if (logView === promised.logView) return;
    promised.logView = logView;
    promised.acknowledged.clear();
    promised.acknowledgedMax = 0;
  }

  private onAcknowledged(
    slot: number,
    event: Extract<TraceEvent, { readonly kind: 'acknowledged' }>,
  ): void {
    const promised = this.at(slot);
    const { op, view, checksum } = event;
    check(
      'promises',
      view <= promised.logView,
      () => `replica ${slot} acknowledges op ${op} before log view ${view} is durable`,
    );
    check(
      'promises',
      this.disks[slot]?.prepareDurable(op, checksum) ?? false,
      () => `replica ${slot} acknowledges op ${op} before it is on its disk`,
    );
    const before = promised.acknowledged.get(op);
    check(
      'promises',
      before === undefined || before === checksum,
      () => `replica ${slot} acknowledges two different ops ${op} in log view ${promised.logView}`,
    );
    promised.acknowledged.set(op, checksum);
    promised.made += 1;
    promised.acknowledged.delete(op - 256);
    promised.acknowledgedMax = Math.max(promised.acknowledgedMax, op);
  }

  /** What it offers for the next view must hold every op that it acknowledged in its log view. */
  private onDoViewChange(slot: number, message: Message<'doViewChange'>): void {
    const promised = this.at(slot);
    const { header, body } = message;
    check(
      'promises',
      header.logView === promised.logView,
      () => `replica ${slot} offers log view ${header.logView}, durable is ${promised.logView}`,
    );
    check(
      'promises',
      header.op >= promised.acknowledgedMax,
      () => `replica ${slot} offers head ${header.op}, acknowledged ${promised.acknowledgedMax}`,
    );
    const headers = body.subarray(KNOWN_FILES_SIZE);
    const view = new DataView(headers.buffer, headers.byteOffset, headers.length);
    for (let place = 0; place * HEADER_SIZE < headers.length; place += 1) {
      const acknowledged = promised.acknowledged.get(header.op - place);
      if (acknowledged === undefined) continue;
      const op = header.op - place;
      const nack = (header.nackBits & (1 << place)) !== 0;
      check('promises', !nack, () => `replica ${slot} denies op ${op}, which it acknowledged`);
      const checksum = readU128(view, place * HEADER_SIZE);
      check(
        'promises',
        checksum === 0n || checksum === acknowledged,
        () => `replica ${slot} offers another op ${op} than it acknowledged`,
      );
    }
  }

  private at(slot: number): Promised {
    const promised = this.replicas[slot];
    check('promises', promised !== undefined, () => `replica ${slot} is unknown`);
    return promised;
  }
}
