import { assert, mix128, present } from '@kimberlite/store';
import { CONFIG_SIMULATION } from '../config.ts';
import { reservedSlot } from '../format.ts';
import { Journal, type SlotMessage } from '../journal/journal.ts';
import { type PartRead, type RecoveredLog, recoverLog } from '../journal/recover.ts';
import { type LogHeader, logHeaderOf } from '../message/header-list.ts';
import { isCommand, type PrepareMessage } from '../message/message.ts';
import { Op, View } from '../std/numbers.ts';
import type { Prng } from '../std/prng.ts';
import type { SuperblockState } from '../superblock/superblock.ts';
import { fixtureRoot, prepareAfter } from './log-fixture.ts';
import { checkpointAt, journalNacks, superblockFixture, WalDisk, wouldNack } from './wal-disk.ts';

const SLOTS = CONFIG_SIMULATION.walSlots;

interface WorldOptions {
  readonly prng: Prng;
  readonly solo: boolean;
  /** Whether bodies on disk go bad while nobody looks. */
  readonly rot: boolean;
}

function contentOf(message: SlotMessage): PartRead {
  return isCommand(message, 'prepare') ? logHeaderOf(message) : 'reserved';
}

/** Of a hundred events, up to which draw each kind goes; from `view` on it is the same for all. */
interface Pace {
  readonly append: number;
  readonly body: number;
  readonly sector: number;
  readonly superblock: number;
  readonly view: number;
}

const STEADY: Pace = { append: 30, body: 60, sector: 84, superblock: 88, view: 91 };
/** Header writes hang while one view follows the other. */
const HASTY: Pace = { append: 14, body: 50, sector: 54, superblock: 76, view: 91 };

/**
 * One journal over a disk whose writes finish in any order, under appends, view changes,
 * checkpoints, rot and crashes. Remembers what this replica has acknowledged, and checks after each
 * crash that it would not deny any of it.
 */
export class JournalWorld {
  private readonly prng: Prng;
  private readonly solo: boolean;
  private readonly rot: boolean;
  private readonly pace: Pace;
  private readonly writesMax: number;
  private readonly disk: WalDisk;
  private journal: Journal;
  /** The log as this replica has it; index = op. */
  private chain: PrepareMessage[];
  private readonly bodies: { readonly slot: number; readonly message: SlotMessage }[];
  private readonly sectors: { readonly sector: number; readonly bytes: Uint8Array }[];
  private durable: SuperblockState;
  private pending: SuperblockState | null;
  /** Acknowledged in the log of the durable log_view: op to its prepare. */
  private promises: Map<number, PrepareMessage>;
  private readonly known: Map<bigint, PrepareMessage>;
  crashes: number;
  acknowledged: number;
  /** Starts that had to ask others where the log ends. */
  uncertain: number;

  constructor(options: WorldOptions) {
    this.prng = options.prng;
    this.solo = options.solo;
    this.rot = options.rot;
    this.pace = !options.solo && options.prng.chance(0.5) ? HASTY : STEADY;
    this.writesMax = options.solo ? 1 : CONFIG_SIMULATION.pipelineMax;
    this.disk = new WalDisk(SLOTS);
    this.chain = [fixtureRoot()];
    this.bodies = [];
    this.sectors = [];
    this.durable = superblockFixture();
    this.pending = null;
    this.promises = new Map();
    this.known = new Map([[fixtureRoot().header.checksum, fixtureRoot()]]);
    this.crashes = 0;
    this.acknowledged = 0;
    this.uncertain = 0;
    this.journal = this.open(present(this.recover()));
  }

  /** One random event. False when this replica no longer knows where its log ends. */
  step(): boolean {
    const draw = this.prng.below(100);
    const { append, body, sector, superblock, view } = this.pace;
    if (draw < append) this.append();
    else if (draw < body) this.finishBody();
    else if (draw < sector) this.finishSector();
    else if (draw < superblock) this.finishSuperblock();
    else if (draw < view && !this.solo) this.changeView();
    else if (draw < 94) this.takeCheckpoint();
    else if (draw < 96) this.spoil();
    else if (draw < 98) this.repair();
    else return this.crash();
    this.checkWrites();
    return true;
  }

  private get head(): number {
    return this.chain.length - 1;
  }

  private remember(message: PrepareMessage): void {
    this.known.set(message.header.checksum, message);
  }

  private append(): void {
    if (this.pending !== null || this.journal.writesPending >= 3 * this.writesMax) return;
    if (this.head + 1 > this.durable.checkpoint.op + SLOTS) return;
    const message = prepareAfter(present(this.chain.at(-1)), { view: this.durable.view });
    this.remember(message);
    this.chain.push(message);
    this.journal.setHeader(logHeaderOf(message));
    if (this.journal.isDurable(message.header.op)) return;
    this.write(message);
  }

  private write(message: PrepareMessage): void {
    const { op, checksum } = message.header;
    if (this.journal.isReadable(op) || this.journal.isWriting(op, checksum)) return;
    this.journal.write(message);
  }

  private finishBody(): void {
    if (this.bodies.length === 0) return;
    const [done] = this.bodies.splice(this.prng.below(this.bodies.length), 1);
    const { slot, message } = present(done);
    present(this.disk.slots[slot]).prepare = contentOf(message);
    this.journal.onPrepareWritten(slot, message.header.checksum);
  }

  private finishSector(): void {
    if (this.sectors.length === 0) return;
    const [done] = this.sectors.splice(this.prng.below(this.sectors.length), 1);
    const { sector, bytes } = present(done);
    this.disk.writeHeaders(sector, bytes);
    for (const op of this.journal.onHeadersWritten(sector)) this.acknowledge(op);
  }

  /** An ack goes out only while log_view is durable. */
  private acknowledge(op: number): void {
    const message = this.chain[op];
    if (message === undefined || !this.journal.isDurable(Op(op)) || this.pending !== null) return;
    if (!this.journal.has(Op(op), message.header.checksum)) return;
    if (op <= this.durable.checkpoint.op) return; // The checkpoint stands for it.
    if (!this.promises.has(op)) this.acknowledged += 1;
    this.promises.set(op, message);
  }

  private finishSuperblock(): void {
    if (this.pending === null) return;
    this.durable = this.pending;
    this.pending = null;
    this.promises = this.keptPromises();
    this.journal.resume();
    for (let op = this.durable.checkpoint.op + 1; op <= this.head; op += 1) {
      this.write(present(this.chain[op]));
      this.acknowledge(op);
    }
  }

  /** A new view's log may lack what only this replica acknowledged. */
  private keptPromises(): Map<number, PrepareMessage> {
    return new Map([...this.promises].filter(([op, message]) => this.chain[op] === message));
  }

  /** The log of a later view: cut above the checkpoint, perhaps with other ops instead. */
  private changeView(): void {
    if (this.pending !== null) return;
    const view = this.durable.view + 1;
    const floor = this.solo ? this.head : this.durable.checkpoint.op;
    const cut = this.prng.between(floor, this.head);
    const before = this.chain;
    this.chain = before.slice(0, cut + 1);
    this.journal.truncate(Op(cut));
    const room = Math.min(this.solo ? 0 : 2, this.durable.checkpoint.op + SLOTS - cut);
    for (let more = this.prng.below(room + 1); more > 0; more -= 1) {
      const message = this.givenUp(before) ?? prepareAfter(present(this.chain.at(-1)), { view });
      this.remember(message);
      this.chain.push(message);
      this.journal.setHeader(logHeaderOf(message));
    }
    this.journal.pause();
    this.pending = {
      ...this.durable,
      view: View(view),
      logView: View(view),
      headers: this.suffix(),
    };
  }

  /**
   * A prepare that an earlier view had given up here, and that those who choose this log still had.
   */
  private givenUp(before: readonly PrepareMessage[]): PrepareMessage | null {
    const { checksum } = present(this.chain.at(-1)).header;
    const above = [...this.known.values()].filter(
      (message) => message.header.parent === checksum && !before.includes(message),
    );
    return above.length > 0 && this.prng.chance(0.5) ? this.prng.pick(above) : null;
  }

  private suffix(): LogHeader[] {
    return this.chain
      .slice(-CONFIG_SIMULATION.pipelineMax - 1)
      .map(logHeaderOf)
      .reverse();
  }

  /** What is executed is covered; alone, only what is durable here can have been executed. */
  private takeCheckpoint(): void {
    const { checkpoint } = this.durable;
    const next = checkpoint.op + CONFIG_SIMULATION.checkpointInterval;
    if (this.pending !== null || next > this.head) return;
    if (this.solo && this.durableOps().filter((op) => op <= next).length < next - checkpoint.op) {
      return;
    }
    this.durable = { ...this.durable, checkpoint: checkpointAt(next), headers: this.suffix() };
    for (const op of this.promises.keys()) if (op <= next) this.promises.delete(op);
  }

  private durableOps(): number[] {
    const found: number[] = [];
    for (let op = this.durable.checkpoint.op + 1; op <= this.head; op += 1) {
      if (this.journal.isDurable(Op(op))) found.push(op);
    }
    return found;
  }

  private spoil(): void {
    if (!this.rot) return;
    const unused = this.unusedSlots();
    if (unused.length > 0 && this.prng.chance(0.3)) {
      present(this.disk.slots[this.prng.pick(unused)]).header = 'bad';
      return;
    }
    const ops = this.durableOps();
    if (ops.length === 0) return;
    const op = this.prng.pick(ops);
    const slot = this.disk.slot(op);
    if (this.prng.chance(0.3)) slot.header = 'bad';
    else slot.prepare = 'bad';
    if (this.prng.chance(0.5) && slot.prepare === 'bad') {
      this.journal.dropBody(Op(op));
      this.journal.markFaulty(Op(op));
    }
  }

  private repair(): void {
    if (this.pending !== null) return;
    for (const message of this.chain.slice(this.durable.checkpoint.op + 1)) this.write(message);
    this.unusedSlots()
      .filter((slot) => this.journal.isUnknown(slot))
      .forEach((slot) => this.journal.clear(reservedSlot(slot, { cluster: 1n, checksum: mix128 })));
  }

  /** Slots that hold no op of the log above the checkpoint. */
  private unusedSlots(): number[] {
    const next = this.head + 1;
    const count = Math.max(0, this.durable.checkpoint.op + SLOTS - this.head);
    return Array.from({ length: count }, (_, index) => (next + index) % SLOTS);
  }

  /** Never more bodies in flight than allowed, never two writes of one place. */
  private checkWrites(): void {
    assert(this.bodies.length <= this.writesMax, 'the limit of writes is kept');
    const slots = new Set(this.bodies.map(({ slot }) => slot));
    assert(slots.size === this.bodies.length, 'never two writes in one slot');
    const sectors = new Set(this.sectors.map(({ sector }) => sector));
    assert(sectors.size === this.sectors.length, 'never two writes of one sector');
    if (this.solo) assert(this.bodies.length + this.sectors.length <= 1, 'strictly in order');
    for (const op of this.durableOps()) {
      const { prepare } = this.disk.slot(op);
      const other =
        typeof prepare !== 'string' && !this.journal.has(Op(op), prepare.header.checksum);
      assert(!other && prepare !== 'reserved', `what is durable stands on the disk: ${op}`);
    }
    // Between the choice of a log and its log_view being durable, nobody is told anything.
    if (this.pending !== null) return;
    for (const [op, message] of this.promises) {
      assert(!journalNacks(this.journal, message), `a running replica denies nothing: ${op}`);
    }
  }

  private crash(): boolean {
    this.crashes += 1;
    for (const { slot, message } of this.bodies.splice(0)) {
      const state = this.prng.below(3);
      const at = present(this.disk.slots[slot]);
      if (state === 1) at.prepare = 'bad';
      if (state === 2) at.prepare = contentOf(message);
    }
    for (const { sector, bytes } of this.sectors.splice(0)) {
      if (this.prng.chance(0.5)) this.disk.writeHeaders(sector, bytes);
    }
    if (this.pending !== null && this.prng.chance(0.5)) {
      this.durable = this.pending;
      this.promises = this.keptPromises();
    }
    this.pending = null;
    const recovered = this.recover();
    assert(recovered !== null, 'a crash alone never keeps a single replica from starting');
    if (!recovered.headCertain) {
      assert(!this.solo, 'a crash alone never costs a single replica its head');
      this.uncertain += 1;
      return false;
    }
    this.checkPromises(recovered);
    this.journal = this.open(recovered);
    // Alone, each start is a new view: an op torn and made again never shares its view with the
    // one before. It serves only when that is durable.
    if (this.solo) {
      this.changeView();
      this.finishSuperblock();
    }
    return true;
  }

  private checkPromises(recovered: RecoveredLog): void {
    for (const [op, message] of this.promises) {
      assert(op <= recovered.head, `the head is not below an acknowledged op: ${op}`);
      assert(!wouldNack(recovered, message), `an acknowledged op is not denied: ${op}`);
    }
  }

  private recover(): RecoveredLog | null {
    return recoverLog(this.disk.reads(), {
      config: CONFIG_SIMULATION,
      superblock: this.durable,
      solo: this.solo,
      writesMax: this.writesMax,
    });
  }

  /** Starts with what was recovered: the chain from the head down, repaired where it has holes. */
  private open(recovered: RecoveredLog): Journal {
    const journal = new Journal({
      config: CONFIG_SIMULATION,
      writesMax: this.writesMax,
      redundant: this.disk.redundant(),
      recovered,
      out: {
        writePrepare: (slot, message): void => {
          this.bodies.push({ slot, message });
        },
        writeHeaders: (sector, bytes): void => {
          this.sectors.push({ sector, bytes });
        },
      },
    });
    const top = present(journal.header(recovered.head), 'the head is known');
    const chain: PrepareMessage[] = [];
    let checksum: bigint = top.header.checksum;
    let op: number = recovered.head;
    for (; op >= 0; op -= 1) {
      const message = present(this.known.get(checksum), 'every parent was made here');
      chain[op] = message;
      checksum = message.header.parent;
    }
    for (let op = this.durable.checkpoint.op + 1; op <= recovered.head; op += 1) {
      const message = present(chain[op]);
      const found = journal.header(Op(op));
      if (found !== null && found.header.checksum !== message.header.checksum) {
        journal.dropHeader(Op(op));
      }
      journal.setHeader(logHeaderOf(message));
      if (journal.isDoubtful(Op(op))) journal.confirm(Op(op));
    }
    journal.startFixes();
    this.chain = chain;
    return journal;
  }
}
