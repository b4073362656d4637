import { assert, type ChecksumFunction } from '@kimberlite/store';
import type { Checksum } from '../std/numbers.ts';
import { SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE } from '../storage-layout.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  type SuperblockState,
  stampCopy,
} from './superblock.ts';
import { SUPERBLOCK_WRITE_QUORUM } from './superblock-quorum.ts';

/** What the writer asks for next. */
export type SuperblockStep =
  | { readonly kind: 'write'; readonly copy: number; readonly bytes: Uint8Array }
  | { readonly kind: 'read_back' }
  | { readonly kind: 'durable'; readonly state: SuperblockState }
  | { readonly kind: 'idle' }
  /** What was written again and again can't be read back: the device keeps nothing. */
  | { readonly kind: 'unreadable' };

/** Times that one superblock is read back without its quorum before the device is given up. */
const READ_BACKS_MAX = 16;

/** What may change between two superblocks; the rest is worked out here. */
export type SuperblockChange = Omit<SuperblockState, 'identity' | 'sequence' | 'parent'>;

/**
 * Writes superblocks: the four copies one after another (so a crash spoils one at most), then all
 * are read back and a write quorum must be equal before the state counts as durable; a copy that is
 * not is written again. One write is in flight; what changes meanwhile is merged into one
 * successor, so view, log_view, checkpoint and headers can never be durable apart from each other.
 */
export class SuperblockWriter {
  private readonly checksum: ChecksumFunction;
  /** The newest durable state. */
  durable: SuperblockState;
  private durableChecksum: Checksum;
  private staging: SuperblockState | null;
  private stagingChecksum: Checksum;
  private bytes: Uint8Array;
  private copiesToWrite: number[];
  /** Copies that the last reading back found bad. */
  private badCopies: readonly number[];
  private queued: SuperblockChange | null;
  private reading: boolean;
  /** Times that the one in flight was read back without its quorum. */
  private failures: number;

  /** Stands on the superblock that was opened; `repairCopies` comes first where some were bad. */
  constructor(options: {
    readonly checksum: ChecksumFunction;
    readonly opened: SuperblockState;
    readonly openedChecksum: Checksum;
  }) {
    this.checksum = options.checksum;
    this.durable = options.opened;
    this.durableChecksum = options.openedChecksum;
    this.staging = null;
    this.stagingChecksum = options.openedChecksum;
    this.bytes = new Uint8Array(0);
    this.copiesToWrite = [];
    this.badCopies = [];
    this.queued = null;
    this.reading = false;
    this.failures = 0;
  }

  /**
   * Writes the opened superblock over the copies that do not hold it: until then one more bad copy
   * would lose it. Returns the first step.
   */
  repairCopies(badCopies: readonly number[]): SuperblockStep {
    assert(this.staging === null, 'nothing in flight');
    if (badCopies.length === 0) return { kind: 'idle' };
    return this.begin(this.durable, [...badCopies]);
  }

  get busy(): boolean {
    return this.staging !== null;
  }

  /** Accepts a change; returns what to do now (idle when it waits behind the write in flight). */
  update(change: SuperblockChange): SuperblockStep {
    const base = this.queued ?? this.staging ?? this.durable;
    assert(change.view >= base.view, 'view never goes back');
    assert(change.logView >= base.logView, 'log_view never goes back');
    assert(change.logView <= change.view, 'log_view is at most view');
    assert(change.commitMax >= base.commitMax, 'commit_max never goes back');
    assert(change.checkpoint.op >= base.checkpoint.op, 'the checkpoint never goes back');
    const { knownBy } = change.introductions;
    assert((knownBy & base.introductions.knownBy) === base.introductions.knownBy, 'none unmeets');
    assert(change.headers.length > 0 && change.headers[0] !== null, 'the head is never unknown');
    if (this.staging !== null) {
      this.queued = change;
      return { kind: 'idle' };
    }
    return this.beginChange(change);
  }

  private beginChange(change: SuperblockChange): SuperblockStep {
    const next: SuperblockState = {
      ...change,
      identity: this.durable.identity,
      sequence: this.durable.sequence + 1,
      parent: this.durableChecksum,
    };
    // A copy known to be bad is written first: with one of the good ones torn besides, neither the
    // old nor the new content would have a quorum.
    const copies = [...this.badCopies];
    for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) {
      if (!copies.includes(copy)) copies.push(copy);
    }
    return this.begin(next, copies);
  }

  private begin(state: SuperblockState, copies: number[]): SuperblockStep {
    this.staging = state;
    this.failures = 0;
    this.bytes = encodeSuperblock(state, this.checksum);
    const decoded = decodeSuperblock(this.bytes, 0, this.checksum);
    assert(decoded !== null, 'what is written can be read');
    this.stagingChecksum = decoded.checksum;
    this.copiesToWrite = copies;
    return this.next();
  }

  private next(): SuperblockStep {
    const copy = this.copiesToWrite.shift();
    if (copy === undefined) {
      this.reading = true;
      return { kind: 'read_back' };
    }
    const bytes = this.bytes.slice();
    stampCopy(bytes, copy);
    return { kind: 'write', copy, bytes };
  }

  /** A copy is on disk. */
  onWritten(): SuperblockStep {
    assert(this.staging !== null && !this.reading, 'a write was in flight');
    return this.next();
  }

  /** The zone was read back; null or short where the device failed. */
  onReadBack(zone: Uint8Array | null): SuperblockStep {
    assert(this.staging !== null && this.reading, 'a read was in flight');
    this.reading = false;
    const bad: number[] = [];
    for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) {
      if (!this.holds(zone, copy)) bad.push(copy);
    }
    if (SUPERBLOCK_COPIES - bad.length < SUPERBLOCK_WRITE_QUORUM) {
      this.failures += 1;
      if (this.failures === READ_BACKS_MAX) return { kind: 'unreadable' };
      this.copiesToWrite = bad;
      return this.next();
    }
    this.badCopies = bad;
    const state = this.staging;
    this.durable = state;
    this.durableChecksum = this.stagingChecksum;
    this.staging = null;
    return { kind: 'durable', state };
  }

  /**
   * Copies of the durable superblock that a read of the zone does not give back. Asked while
   * nothing is in flight; all of them may be bad, since the state is known here.
   */
  copiesLost(zone: Uint8Array | null): number[] {
    assert(this.staging === null, 'nothing in flight');
    const bad: number[] = [];
    for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) {
      if (!this.holds(zone, copy, this.durableChecksum)) bad.push(copy);
    }
    return bad;
  }

  private holds(zone: Uint8Array | null, copy: number, wanted = this.stagingChecksum): boolean {
    const start = copy * SUPERBLOCK_COPY_SIZE;
    const end = start + SUPERBLOCK_COPY_SIZE;
    if (zone === null || zone.length < end) return false;
    const decoded = decodeSuperblock(zone.subarray(start, end), copy, this.checksum);
    return decoded !== null && decoded.checksum === wanted;
  }

  /** After `durable`: starts what was queued meanwhile. */
  continue(): SuperblockStep {
    assert(this.staging === null, 'nothing in flight');
    const change = this.queued;
    if (change === null) return { kind: 'idle' };
    this.queued = null;
    return this.beginChange(change);
  }
}
