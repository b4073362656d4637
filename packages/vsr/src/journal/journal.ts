import { assert } from '@kimberlite/store';
import type { ClusterConfig } from '../config.ts';
import type { LogHeader } from '../message/header-list.ts';
import type { Message, PrepareMessage } from '../message/message.ts';
import type { Checksum, Op } from '../std/numbers.ts';
import type { RecoveredLog } from './recover.ts';
import { RedundantHeaders } from './redundant-headers.ts';

/** What a WAL slot is given: a prepare, or the mark that it holds nothing. */
export type SlotMessage = PrepareMessage | Message<'reserved'>;

/** Writes that the journal wants on disk now. */
export interface JournalOut {
  writePrepare(walSlot: number, message: SlotMessage): void;
  writeHeaders(sector: number, bytes: Uint8Array): void;
}

/**
 * The log's ring in memory and the order of its writes: body, then the sector of redundant headers
 * that holds its slot, and only then the op counts as durable (rule body-header-ack). Per slot:
 *
 * | entry | dirty | faulty | meaning |
 * |---|---|---|---|
 * | null | no | no | never used, or dropped: absent for certain |
 * | null | yes | yes | unreadable, unknown |
 * | set | no | no | body and header on this disk |
 * | set | yes | no | header known, body not here: provably never acknowledged, may be a nack |
 * | set | yes | yes | header known, body was here and rotted, or unknown: never a nack |
 *
 * A slot that is being fixed has its body on disk and lacks only its redundant header.
 */
export class Journal {
  private readonly config: ClusterConfig;
  private readonly out: JournalOut;
  private readonly entries: (LogHeader | null)[];
  private readonly dirty: Uint8Array;
  private readonly faulty: Uint8Array;
  /** The body is right on disk, only its redundant header is being written. */
  private readonly fixing: Uint8Array;
  /** The slot is being given the mark that it holds nothing. */
  private readonly clearing: Uint8Array;
  private readonly bodies: (PrepareMessage | null)[];
  private readonly headers: RedundantHeaders;
  private readonly writing: (SlotMessage | null)[];
  private readonly queue: PrepareMessage[];
  private readonly writesMax: number;
  private writesInFlight: number;
  /** While log_view is not durable nothing of the new log may reach the ring. */
  private paused: boolean;
  dirtyCount: number;

  constructor(options: {
    readonly config: ClusterConfig;
    readonly writesMax: number;
    readonly redundant: Uint8Array;
    readonly recovered: RecoveredLog;
    readonly out: JournalOut;
  }) {
    const { config, recovered } = options;
    this.config = config;
    this.out = options.out;
    this.entries = recovered.slots.map((slot) => slot.entry);
    this.dirty = Uint8Array.from(recovered.slots, (slot) => (slot.dirty || slot.fix ? 1 : 0));
    this.faulty = Uint8Array.from(recovered.slots, (slot) => (slot.faulty ? 1 : 0));
    this.fixing = Uint8Array.from(recovered.slots, (slot) => (slot.fix ? 1 : 0));
    this.clearing = new Uint8Array(config.walSlots);
    this.bodies = recovered.slots.map(() => null);
    this.headers = new RedundantHeaders(options.redundant, (sector, bytes): void =>
      this.out.writeHeaders(sector, bytes),
    );
    this.writing = recovered.slots.map(() => null);
    this.queue = [];
    this.writesMax = options.writesMax;
    this.writesInFlight = 0;
    this.paused = false;
    this.dirtyCount = 0;
    for (let slot = 0; slot < config.walSlots; slot += 1) {
      this.dirtyCount += this.dirty[slot] ?? 0;
      // A slot known to be bad must not look fine after the next crash because its neighbour was
      // written: its redundant header is made invalid on purpose.
      if (this.faulty[slot] === 1 && this.entries[slot] === null) this.headers.clear(slot);
    }
  }

  slotOf(op: Op): number {
    return op % this.config.walSlots;
  }

  /** Writes the redundant headers that start-up found missing. */
  startFixes(): void {
    const fixes: { readonly slot: number; readonly entry: LogHeader }[] = [];
    this.fixing.forEach((fixing, slot) => {
      const entry = this.entries[slot] ?? null;
      if (fixing === 1 && this.faulty[slot] === 0 && entry !== null) fixes.push({ slot, entry });
    });
    // All of them first: the write of one sector carries the headers of its neighbours, and an old
    // one among them would stand over a newer body.
    for (const { slot, entry } of fixes) this.headers.set(slot, entry);
    for (const { slot, entry } of fixes) this.headers.want(slot, entry);
  }

  /** The body is a copy of what it says, but may not be what was acknowledged last in its slot. */
  isDoubtful(op: Op): boolean {
    const slot = this.slotOf(op);
    return this.header(op) !== null && this.fixing[slot] === 1 && this.faulty[slot] === 1;
  }

  /** The chain of headers asks for just this body: it counts as soon as its header is written. */
  confirm(op: Op): void {
    const slot = this.slotOf(op);
    const entry = this.header(op);
    assert(entry !== null && this.isDoubtful(op), 'the op is doubtful');
    this.clearFault(slot);
    this.headers.want(slot, entry);
  }

  /** The header known for exactly this op. */
  header(op: Op): LogHeader | null {
    const entry = this.entries[this.slotOf(op)] ?? null;
    return entry !== null && entry.header.op === op ? entry : null;
  }

  /** What stands in the slot of `op`, of whatever op. */
  occupant(op: Op): LogHeader | null {
    return this.entries[this.slotOf(op)] ?? null;
  }

  has(op: Op, checksum: Checksum): boolean {
    return this.header(op)?.header.checksum === checksum;
  }

  /** Body and header of this very op are on this disk. */
  isDurable(op: Op): boolean {
    return this.header(op) !== null && this.dirty[this.slotOf(op)] === 0;
  }

  isFaulty(op: Op): boolean {
    return this.faulty[this.slotOf(op)] === 1;
  }

  /** The body is on disk, though perhaps not yet its redundant header. */
  isReadable(op: Op): boolean {
    const slot = this.slotOf(op);
    return this.header(op) !== null && (this.dirty[slot] === 0 || this.fixing[slot] === 1);
  }

  /** The body is here: on disk, being written, or in memory (rule present-explicit). */
  isPresent(op: Op): boolean {
    return this.isReadable(op) || this.body(op) !== null;
  }

  /**
   * Provably never acknowledged by this replica (rule nack-proof): the slot is readable and holds
   * something else, nothing, or a header whose body was never completely written.
   */
  isNack(op: Op): boolean {
    const slot = this.slotOf(op);
    if (this.faulty[slot] === 1) return false;
    if (this.header(op) === null) return true;
    return this.dirty[slot] === 1 && this.fixing[slot] === 0;
  }

  /**
   * A write of this very prepare, or of its redundant header, is on its way. The body is not
   * written again while its header is: a crash would leave a header that vouches for a torn body.
   */
  isWriting(op: Op, checksum: Checksum): boolean {
    const slot = this.slotOf(op);
    if (this.writing[slot]?.header.checksum === checksum) return true;
    if (this.headers.isOnItsWay(slot, checksum)) return true;
    return this.queue.some((message) => message.header.checksum === checksum);
  }

  /** The body in memory, if it is there and is the one of the known header. */
  body(op: Op): PrepareMessage | null {
    const message = this.bodies[this.slotOf(op)] ?? null;
    return message !== null && this.has(op, message.header.checksum) ? message : null;
  }

  cacheBody(message: PrepareMessage): void {
    if (this.has(message.header.op, message.header.checksum)) {
      this.bodies[this.slotOf(message.header.op)] = message;
    }
  }

  dropBody(op: Op): void {
    const slot = this.slotOf(op);
    if (this.bodies[slot]?.header.op === op) this.bodies[slot] = null;
  }

  /** Unfinished body writes: bounds what is accepted. */
  get writesPending(): number {
    return this.writesInFlight + this.queue.length;
  }

  /** A body or a header is on its way to disk. A pause holds back what has not begun. */
  get busy(): boolean {
    return this.writesInFlight > 0 || this.headers.busy;
  }

  /**
   * Makes `entry` the known header of its op without a body. The fault mark of the slot stays: to
   * lose it would turn "unreadable" into "absent" and produce a nack of what was acknowledged.
   */
  setHeader(entry: LogHeader): void {
    const slot = this.slotOf(entry.header.op);
    const known = this.entries[slot] ?? null;
    if (known?.header.checksum === entry.header.checksum) return;
    assert(known === null || known.header.op <= entry.header.op, 'the ring moves forward only');
    this.entries[slot] = entry;
    this.bodies[slot] = null;
    this.fixing[slot] = 0;
    this.clearing[slot] = 0;
    this.setDirty(slot, 1);
  }

  /** Forgets ops above `head`: a view change truncated them. */
  truncate(head: Op): void {
    for (let slot = 0; slot < this.config.walSlots; slot += 1) {
      const entry = this.entries[slot] ?? null;
      if (entry !== null && entry.header.op > head) this.drop(slot);
    }
  }

  /** Drops a header that does not belong to the chain; its fault mark stays. */
  dropHeader(op: Op): void {
    const slot = this.slotOf(op);
    assert(this.entries[slot]?.header.op === op, 'the op is known');
    this.drop(slot);
  }

  private drop(slot: number): void {
    this.entries[slot] = null;
    this.bodies[slot] = null;
    this.fixing[slot] = 0;
    this.setDirty(slot, this.faulty[slot] === 1 ? 1 : 0);
  }

  /** The disk gave back something else than was written: a rotten body. */
  markFaulty(op: Op): void {
    const slot = this.slotOf(op);
    if (this.writing[slot] !== null) return;
    this.headers.forget(slot); // It must not vouch for what was just found bad.
    this.setDirty(slot, 1);
    this.faulty[slot] = 1;
    this.fixing[slot] = 0;
  }

  private startBody(slot: number, message: SlotMessage): void {
    assert(this.writing[slot] === null, 'never two writes in one slot');
    this.headers.forget(slot);
    this.writing[slot] = message;
    this.writesInFlight += 1;
    this.out.writePrepare(slot, message);
  }

  private clearFault(slot: number): void {
    this.faulty[slot] = 0;
    if (this.entries[slot] === null) this.setDirty(slot, 0);
  }

  private setDirty(slot: number, dirty: 0 | 1): void {
    this.dirtyCount += dirty - (this.dirty[slot] ?? 0);
    this.dirty[slot] = dirty;
  }

  /** Puts the body of a known, dirty op on its way to disk. */
  write(message: PrepareMessage): void {
    const { op, checksum } = message.header;
    assert(this.has(op, checksum), 'the header was decided before the body is written');
    assert(!this.isDurable(op), 'only what is missing is written');
    assert(!this.isWriting(op, checksum), 'written once');
    this.bodies[this.slotOf(op)] = message;
    this.queue.push(message);
    this.pump();
  }

  /**
   * Gives an unreadable slot that no op of the log uses a body and a header that say so, in this
   * order. Left as it is, the rot would wait for the next start, and there hide an op that never
   * was: enough of it on enough replicas, and no head of the cluster is certain.
   */
  clear(reserved: Message<'reserved'>): void {
    const slot: number = reserved.header.op;
    assert(this.entries[slot] === null && this.faulty[slot] === 1, 'unreadable and not in use');
    if (this.paused || this.writing[slot] !== null || this.clearing[slot] === 1) return;
    if (this.writesInFlight >= this.writesMax) return;
    this.clearing[slot] = 1;
    // A header of what stood here must not be carried to the disk along with a neighbour's.
    this.headers.clear(slot);
    this.startBody(slot, reserved);
  }

  /** The slot is unreadable and nothing is known of it. */
  isUnknown(walSlot: number): boolean {
    return this.faulty[walSlot] === 1 && this.entries[walSlot] === null;
  }

  /**
   * What a scrubber finds in a slot that is at rest: the entry whose body and header must be right
   * on disk, or null when the slot is in no use. `busy` while it is being written or repaired: what
   * stands there is then still to come.
   */
  atRest(walSlot: number): LogHeader | null | 'busy' {
    if (this.dirty[walSlot] === 1 || this.clearing[walSlot] === 1) return 'busy';
    if (this.writing[walSlot] !== null) return 'busy';
    return this.entries[walSlot] ?? null;
  }

  /** Something in a slot that holds no op of the log cannot be read: unknown, and never a nack. */
  markUnknown(walSlot: number): void {
    assert(this.atRest(walSlot) === null, 'at rest and not in use');
    this.setDirty(walSlot, 1);
    this.faulty[walSlot] = 1;
  }

  /** Writes of a header sector begun so far, and whether one is in flight. */
  headerWrites(sector: number): { readonly count: number; readonly inFlight: boolean } {
    return this.headers.writesOf(sector);
  }

  /** The redundant header that the ring holds, or is to hold, for a slot. Not to be changed. */
  redundantHeader(walSlot: number): Uint8Array {
    return this.headers.at(walSlot);
  }

  /**
   * Writes a header sector again as it is known here, every header that is at rest in it being
   * right; as soon as it may be written.
   */
  rewriteHeaders(sector: number): void {
    this.headers.markRotten(sector);
    this.writeRotten();
  }

  /**
   * Nothing is written while the journal pauses; and a single replica, which may spoil only one
   * thing in a crash, writes a sector again when nothing else is in flight.
   */
  private writeRotten(): void {
    this.headers.writeRotten(() => !this.paused && (this.writesMax > 1 || !this.busy));
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.pump();
  }

  /**
   * Starts queued writes: never two in one slot, never more than `writesMax`. With a limit of one
   * all is strictly in order, headers included: a crash then spoils one thing at the most, and a
   * single replica, which has no peer to ask, can always tell what was acknowledged.
   */
  private pump(): void {
    if (this.paused || (this.writesMax === 1 && this.headers.busy)) return;
    for (let index = 0; index < this.queue.length && this.writesInFlight < this.writesMax; ) {
      const message = this.queue[index];
      assert(message !== undefined, 'index in range');
      const slot = this.slotOf(message.header.op);
      if (!this.has(message.header.op, message.header.checksum)) {
        this.queue.splice(index, 1); // Replaced while it waited.
      } else if (this.writing[slot] === null) {
        this.queue.splice(index, 1);
        this.startBody(slot, message);
      } else {
        index += 1;
      }
    }
    this.writeRotten();
  }

  /** A body is on disk. If its header was replaced meanwhile, what stands there is of no use. */
  onPrepareWritten(walSlot: number, checksum: Checksum): void {
    const message = this.writing[walSlot] ?? null;
    assert(message !== null && message.header.checksum === checksum, 'this write was in flight');
    this.writing[walSlot] = null;
    this.writesInFlight -= 1;
    const entry = this.entries[walSlot] ?? null;
    if (entry !== null) {
      if (entry.header.checksum === checksum) this.headers.want(walSlot, entry);
    } else if (this.clearing[walSlot] === 1) {
      this.headers.want(walSlot, message);
    }
    this.pump(); // After the header: a strict order lets nothing overtake it.
  }

  /** Headers are on disk: returns the ops that are durable now, ascending by slot. */
  onHeadersWritten(index: number): Op[] {
    const durable: Op[] = [];
    for (const [slot, checksum] of this.headers.onWritten(index)) {
      assert(this.writing[slot] === null, 'what is being written over is not vouched for');
      const entry = this.entries[slot] ?? null;
      if (entry === null && this.clearing[slot] === 1) {
        this.clearing[slot] = 0;
        this.clearFault(slot); // Both parts say now that the slot holds nothing.
      }
      if (entry === null || entry.header.checksum !== checksum) continue;
      this.setDirty(slot, 0);
      this.fixing[slot] = 0;
      this.clearFault(slot);
      durable.push(entry.header.op);
    }
    this.pump();
    return durable;
  }
}
