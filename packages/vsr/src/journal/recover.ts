import { assert } from '@kimberlite/store';
import { type ClusterConfig } from '../config.ts';
import type { LogHeader } from '../message/header-list.ts';
import type { Op } from '../std/numbers.ts';
import type { SuperblockState } from '../superblock/superblock.ts';
import { decideSlot, type SlotDecision, type SlotEvidence } from './recovery-table.ts';

/** What was read of one part of a slot: a prepare header, a reserved one, or nothing usable. */
export type PartRead = LogHeader | 'reserved' | 'bad';

/** What a start read of a slot: its redundant header, and its body. */
export interface SlotRead {
  readonly header: PartRead;
  /** Header of the body, when the whole body is right. */
  readonly prepare: PartRead;
}

/** What the journal starts with for one slot. */
export interface RecoveredSlot {
  readonly entry: LogHeader | null;
  /** The body of `entry` is not known to be on this disk. */
  readonly dirty: boolean;
  /** Something unreadable stands or stood here: never a nack. */
  readonly faulty: boolean;
  /**
   * The body is right but its redundant header must be written again before it counts. Together
   * with `faulty`: the header beside it is unreadable and may have named something newer, so the
   * body is a copy of what it says, but no witness of what was acknowledged; it is confirmed when
   * the chain of headers asks for it.
   */
  readonly fix: boolean;
}

export interface RecoveredLog {
  readonly slots: readonly RecoveredSlot[];
  readonly head: Op;
  /** False: corruption may hide a later op, so the head is uncertain (rule head-certain). */
  readonly headCertain: boolean;
  readonly decisions: readonly SlotDecision[];
}

export interface RecoverOptions {
  readonly config: ClusterConfig;
  readonly superblock: SuperblockState;
  readonly solo: boolean;
  /** Writes that can have been in flight at once when the process died. */
  readonly writesMax: number;
}

const EMPTY: RecoveredSlot = { entry: null, dirty: false, faulty: false, fix: false };

function isEntry(part: PartRead): part is LogHeader {
  return part !== 'bad' && part !== 'reserved';
}

function evidenceOf(
  read: SlotRead,
  facts: {
    readonly opMaximum: number;
    readonly windowEnd: number;
    readonly tornPossible: boolean;
    readonly solo: boolean;
  },
): SlotEvidence {
  const { header, prepare } = read;
  const headerOp = isEntry(header) ? header.header.op : 0;
  const prepareOp = isEntry(prepare) ? prepare.header.op : 0;
  return {
    header: isEntry(header) ? 'ok' : header,
    prepare: isEntry(prepare) ? 'ok' : prepare,
    prepareIsMaximum: isEntry(prepare) && prepareOp === facts.opMaximum,
    headerBeyondWindow: isEntry(header) && headerOp > facts.windowEnd,
    prepareBeyondWindow: isEntry(prepare) && prepareOp > facts.windowEnd,
    checksumEqual:
      isEntry(header) && isEntry(prepare) && header.header.checksum === prepare.header.checksum,
    opOrder: headerOp < prepareOp ? 'less' : headerOp === prepareOp ? 'equal' : 'greater',
    tornPossible: facts.tornPossible,
    solo: facts.solo,
  };
}

/**
 * The redundant header of an op that a view change gave up says no more of the slot than one of an
 * older use: had anything been acknowledged there since, its header would stand in this one's
 * place. Taken at its word it would make the next write in the slot, torn by a crash, look like
 * rot.
 */
function withoutGivenUp(read: SlotRead, superblock: SuperblockState): SlotRead {
  const { header, prepare } = read;
  if (!isEntry(header) || !isGivenUp(header.header, superblock)) return read;
  // A body of an older use lies under a checkpoint, or the slot would not have been used again. It
  // is dropped as well: left as what the slot holds, it would be given its own header back, over a
  // slot that was used since, while an op of the new log is perhaps being written there.
  const older = isEntry(prepare) && prepare.header.op < header.header.op;
  return { header: 'reserved', prepare: older ? 'reserved' : prepare };
}

/** Whether the durable headers of the view have no place for this prepare. */
function isGivenUp(header: LogHeader['header'], superblock: SuperblockState): boolean {
  const { headers, view, logView } = superblock;
  const top = headers[0]?.header.op ?? null;
  if (top === null) return false;
  if (header.op <= top) {
    const named = headers[top - header.op] ?? null;
    return named !== null && named.header.checksum !== header.checksum;
  }
  return logView !== view || header.view !== logView;
}

/** The body is unreadable, and the header beside it speaks only of what a checkpoint covers. */
function looksTorn(read: SlotRead, checkpointOp: Op): boolean {
  if (read.prepare !== 'bad') return false;
  if (read.header === 'reserved') return true;
  return isEntry(read.header) && read.header.header.op <= checkpointOp;
}

/**
 * Turns what was read of the log into a journal (rules wal-recovery, corrupt-is-not-absent).
 * Returns null when a single replica must refuse to start.
 */
export function recoverLog(
  found: readonly SlotRead[],
  options: RecoverOptions,
): RecoveredLog | null {
  const { config, superblock, solo, writesMax } = options;
  const reads = found.map((read) => withoutGivenUp(read, superblock));
  assert(reads.length === config.walSlots, 'every slot was read');
  const windowEnd = superblock.checkpoint.op + config.walSlots;
  let opMaximum = 0;
  for (const { header, prepare } of reads) {
    if (isEntry(header)) opMaximum = Math.max(opMaximum, header.header.op);
    if (isEntry(prepare)) opMaximum = Math.max(opMaximum, prepare.header.op);
  }
  // More torn slots than writes in flight cannot come from one crash: then none is believed torn.
  const tornSlots = reads.filter((read) => looksTorn(read, superblock.checkpoint.op)).length;
  const decisions: SlotDecision[] = [];
  const slots = reads.map((read): RecoveredSlot => {
    const tornPossible = tornSlots <= writesMax && looksTorn(read, superblock.checkpoint.op);
    const decision = decideSlot(evidenceOf(read, { opMaximum, windowEnd, tornPossible, solo }));
    decisions.push(decision);
    return slotOf(read, decision);
  });
  if (decisions.includes('refuse')) return null;
  return permit(slots, decisions, options);
}

function slotOf(read: SlotRead, decision: SlotDecision): RecoveredSlot {
  switch (decision) {
    case 'eql':
    case 'fix':
      if (!isEntry(read.prepare)) return EMPTY; // An unused slot whose header was lost.
      return { entry: read.prepare, dirty: false, faulty: false, fix: decision === 'fix' };
    case 'vsr':
      if (read.header === 'bad' && isEntry(read.prepare)) {
        return { entry: read.prepare, dirty: true, faulty: true, fix: true };
      }
      // The redundant header, where readable, still names what was acknowledged: knowing it, the
      // slot can be repaired by checksum; being faulty, it is no nack and no copy.
      return isEntry(read.header) && !sameOp(read)
        ? { entry: read.header, dirty: true, faulty: true, fix: false }
        : { entry: null, dirty: true, faulty: true, fix: false };
    case 'nil':
    case 'cut':
    case 'torn':
    case 'refuse':
      return EMPTY;
  }
}

/** Header and body claim one op with different content: neither is to be believed (case O). */
function sameOp({ header, prepare }: SlotRead): boolean {
  return isEntry(header) && isEntry(prepare) && header.header.op === prepare.header.op;
}

/**
 * Drops what the durable view headers do not permit (rule wal-filter): ops that a view change
 * truncated still stand in the ring, and would come back to life. The headers themselves are
 * installed in place of what contradicts them.
 */
function permit(
  slots: RecoveredSlot[],
  decisions: readonly SlotDecision[],
  { config, superblock, writesMax }: RecoverOptions,
): RecoveredLog {
  const headers = superblock.headers;
  const top = headers[0];
  assert(top !== undefined && top !== null, 'the head is never unknown');
  const durableHead = top.header.op;
  const normal = superblock.logView === superblock.view;
  for (const [index, slot] of slots.entries()) {
    const entry = slot.entry;
    if (entry === null || entry.header.op <= durableHead) {
      if (entry !== null && entry.header.view > superblock.logView) slots[index] = keepFault(slot);
      continue;
    }
    // Above the durable head only this very view's own ops can stand, and none while the view is
    // changing: the do_view_change was worked out without them.
    if (!normal || entry.header.view !== superblock.logView) slots[index] = keepFault(slot);
  }
  // Before the durable headers are put in: in a long view they are of a whole ring ago, and say
  // nothing of what stood in their slots since.
  const unknown = unknownSlots(slots);
  headers.forEach((wanted) => {
    if (wanted === null) return;
    const index = wanted.header.op % config.walSlots;
    const slot = slots[index] ?? EMPTY;
    if (slot.entry?.header.checksum === wanted.header.checksum) return; // Also a doubtful copy.
    // A later op of the same slot stands here already: the wanted one lies below the checkpoint.
    if (slot.entry !== null && slot.entry.header.op > wanted.header.op) return;
    slots[index] = { entry: wanted, dirty: true, faulty: slot.faulty, fix: false };
  });
  let head = durableHead;
  for (const { entry } of slots)
    if (entry !== null && entry.header.op > head) head = entry.header.op;
  return {
    slots,
    head,
    headCertain: !normal || isHeadCertain(unknown, { head, writesMax, walSlots: config.walSlots }),
    decisions,
  };
}

function keepFault(slot: RecoveredSlot): RecoveredSlot {
  return { ...EMPTY, dirty: slot.faulty, faulty: slot.faulty };
}

/** Slots in which something unreadable may be of any op. */
function unknownSlots(slots: readonly RecoveredSlot[]): number[] {
  const unknown: number[] = [];
  slots.forEach((slot, index) => {
    if (slot.faulty && (slot.entry === null || slot.fix)) unknown.push(index);
  });
  return unknown;
}

/**
 * Whether no unknown slot can hold an op above `head`. Ops are appended in order and at most
 * `writesMax` of them are unfinished at once, so an op further above than that, plus the number of
 * unreadable slots, would have left readable ones between.
 */
function isHeadCertain(
  unknown: readonly number[],
  facts: { readonly head: Op; readonly writesMax: number; readonly walSlots: number },
): boolean {
  const reach = facts.writesMax + unknown.length;
  return unknown.every((index) => {
    const distance = (((index - facts.head) % facts.walSlots) + facts.walSlots) % facts.walSlots;
    // Distance 0 is the head's own slot.
    return distance > reach || distance === 0;
  });
}
