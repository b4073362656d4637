import { assert } from '@kimberlite/store';
import { ClusterClock } from '../clock/cluster-clock.ts';
import { configEquals } from '../config.ts';
import { reservedSlot } from '../format.ts';
import { Journal } from '../journal/journal.ts';
import { type PartRead, recoverLog, type SlotRead } from '../journal/recover.ts';
import {
  isVouchedFor,
  journalWritesMax,
  partOf,
  readLengthOf,
  readSlotHeader,
  readSlotMessage,
  type SlotFault,
} from '../journal/slot-read.ts';
import { primarySlot, quorumsOf, votersOf } from '../membership.ts';
import { HEADER_SIZE, type Header } from '../message/layout.ts';
import { type AnyMessage, isCommand } from '../message/message.ts';
import { opMax } from '../std/numbers.ts';
import { decodeCopies } from '../superblock/read-superblock.ts';
import { checkpointId, type SuperblockState } from '../superblock/superblock.ts';
import { selectSuperblock } from '../superblock/superblock-quorum.ts';
import { SuperblockWriter } from '../superblock/superblock-writer.ts';
import { beginRestore } from './checkpoint/restore.ts';
import { performSuperblockStep } from './checkpoint/superblock-update.ts';
import type { ReplicaEvent } from './effect.ts';
import { onPrepareWriteBegun } from './liveness/disk-pace.ts';
import { onPingTimeout } from './liveness/ping.ts';
import { isIntroduced } from './members/introduce.ts';
import { RepairBudget } from './repair/repair-budget.ts';
import type { Replica } from './replica.ts';
import { fatal, trace } from './report.ts';
import { transitionToStatus } from './status.ts';
import { askEveryone } from './view-change/ask-view.ts';
import { restartChain } from './view-change/chain.ts';
import { resumeViewChange } from './view-change/do-view-change.ts';
import { voteToLeave } from './view-change/vote.ts';

/** WAL slots read at once. */
const READS_MAX = 16;

/**
 * Bytes of bodies that stay in memory for their execution, at most, and as a share of the ring: to
 * read and hash each of them twice would double what a start takes.
 */
const BODIES_BYTES_MAX = 128 * 1024 * 1024;
const BODIES_RING_SHARE = 1 / 2;

/** First event of a replica's life: everything begins with the superblock. */
export function beginStartup(r: Replica): void {
  r.out.push({ kind: 'read_superblock' });
}

/** Chooses the superblock, and repairs copies of it that a crash left behind. */
export function onSuperblockOpened(r: Replica, zone: Uint8Array | null): void {
  const copies = decodeCopies(zone, r.checksum);
  const chosen = selectSuperblock(copies);
  if (typeof chosen === 'string') {
    fatal(r, `superblock_${chosen}`);
    return;
  }
  if (chosen.state.identity.machine.id !== r.machine.id) {
    // Its rows would be read as other rows, and its log executed as another history.
    fatal(r, 'wrong_machine');
    return;
  }
  if (!adoptSuperblock(r, chosen.state)) {
    fatal(r, 'wrong_identity');
    return;
  }
  r.superblock = new SuperblockWriter({
    checksum: r.checksum,
    opened: chosen.state,
    openedChecksum: chosen.checksum,
  });
  r.opened = true;
  const bad: number[] = [];
  copies.forEach((copy, index) => {
    if (copy === null || copy.checksum !== chosen.checksum) bad.push(index);
  });
  for (const copy of bad) {
    trace(r, { kind: 'corrupt', what: 'superblock', place: copy, found: 'start' });
    trace(r, { kind: 'repaired', what: 'superblock', op: null });
  }
  const step = r.superblock.repairCopies(bad);
  if (step.kind === 'idle') readLog(r);
  else performSuperblockStep(r, step);
}

function adoptSuperblock(r: Replica, state: SuperblockState): boolean {
  const { identity } = state;
  if (identity.cluster !== r.cluster || identity.slot !== r.slot) return false;
  if (!configEquals(identity.config, r.config)) return false;
  if (identity.checksumName !== r.checksum.name) return false;
  r.replicaCount = identity.replicaCount;
  r.voters = votersOf(identity.replicaCount);
  r.quorums = quorumsOf(identity.replicaCount);
  r.incarnation = identity.incarnation;
  r.introductions = state.introductions;
  r.clock = new ClusterClock(r.quorums.majority);
  r.budget = new RepairBudget({
    self: r.slot,
    replicaCount: r.replicaCount,
    expiryTicks: r.timers.ticks('repairExpiry'),
    largeExpiryTicks: r.timers.ticks('syncExpiry'),
  });
  r.view = state.view;
  r.logView = state.logView;
  r.checkpoint = state.checkpoint;
  r.syncTarget = state.syncing ? state.checkpoint.op : null;
  r.checkpointPrevious = state.checkpointPrevious;
  r.checkpointId = checkpointId(state.checkpoint, r.checksum);
  r.commitMin = state.checkpoint.op;
  r.commitChecksum = state.checkpoint.prepareChecksum;
  r.commitMax = opMax(state.commitMax, state.checkpoint.op);
  r.viewChange.headers = state.headers;
  return true;
}

/** The opened superblock stands on enough copies: reads the log. */
export function readLog(r: Replica): void {
  r.startup = {
    redundant: new Uint8Array(0),
    reads: Array.from({ length: r.config.walSlots }, () => null),
    begun: 0,
    pending: 0,
    bodies: [],
    bodiesSize: 0,
  };
  r.out.push({ kind: 'read_headers' });
}

export function onHeadersRead(r: Replica, bytes: Uint8Array | null): void {
  assert(r.startup !== null, 'the log is being read');
  const size = r.config.walSlots * HEADER_SIZE;
  r.startup.redundant =
    bytes !== null && bytes.length >= size ? bytes.slice(0, size) : new Uint8Array(size);
  readNextSlots(r, r.startup);
}

/** From the first op behind the checkpoint on, which is executed first. */
function readNextSlots(r: Replica, startup: NonNullable<Replica['startup']>): void {
  const { walSlots } = r.config;
  while (startup.begun < walSlots && startup.pending < READS_MAX) {
    const walSlot = (r.checkpoint.op + 1 + startup.begun) % walSlots;
    const expected = readSlotHeader(r, walSlot, redundantOf(startup, walSlot));
    readSlot(r, walSlot, readLengthOf(sizeAtFirst(r, expected)));
    startup.begun += 1;
    startup.pending += 1;
  }
  if (startup.pending === 0) finishStartup(r, startup);
}

/** Bytes that a slot is asked for at first: its header, or the body that it is known to need. */
function sizeAtFirst(r: Replica, expected: Header | SlotFault): number {
  if (typeof expected === 'string' || expected.command !== 'prepare') return HEADER_SIZE;
  if (expected.op <= r.checkpoint.op) return HEADER_SIZE;
  return Math.min(expected.size, r.config.messageSizeMax);
}

function redundantOf({ redundant }: NonNullable<Replica['startup']>, walSlot: number): Uint8Array {
  return redundant.subarray(walSlot * HEADER_SIZE, (walSlot + 1) * HEADER_SIZE);
}

function readSlot(r: Replica, walSlot: number, length: number): void {
  const purpose = { kind: 'start', walSlot } as const;
  r.out.push({ kind: 'read_prepare', walSlot, length, op: null, checksum: null, purpose });
}

/** One slot, or as much of it as its redundant header speaks of, was read. */
export function onSlotRead(
  r: Replica,
  event: Extract<ReplicaEvent, { kind: 'prepare_read' }>,
): void {
  const { startup } = r;
  assert(startup !== null, 'the log is being read');
  const { walSlot, bytes } = event;
  const found = bytes === null ? null : readSlotHeader(r, walSlot, bytes);
  const header = typeof found === 'string' ? null : found;
  const redundant = redundantOf(startup, walSlot);
  const redundantHeader = readSlotHeader(r, walSlot, redundant);
  const isBeginning = header !== null && bytes !== null && header.size > bytes.length;
  const vouched = isBeginning && isVouchedFor(r.checkpoint.op, header, redundantHeader);
  if (isBeginning && !vouched && header.size <= r.config.messageSizeMax) {
    readSlot(r, walSlot, readLengthOf(header.size));
    return;
  }
  // What does not belong there is not carried along when a neighbour is written.
  if (typeof redundantHeader === 'string') redundant.fill(0);
  let prepare: PartRead = 'bad';
  if (header !== null && bytes !== null) {
    // What lies behind the last sector of the message is of an older and longer one.
    const own = bytes.subarray(0, readLengthOf(header.size));
    const message = vouched ? null : readSlotMessage(r, header, own);
    if (message !== null && typeof message !== 'string') keepBody(r, startup, message);
    prepare = partOf(typeof message === 'string' ? message : header, bytes);
  }
  startup.reads[walSlot] = { header: partOf(redundantHeader, redundant), prepare };
  startup.pending -= 1;
  readNextSlots(r, startup);
}

/** Keeps a body that may have to be executed, while there is room. */
function keepBody(r: Replica, startup: NonNullable<Replica['startup']>, message: AnyMessage): void {
  if (!isCommand(message, 'prepare') || message.header.op <= r.checkpoint.op) return;
  const { walSlots, messageSizeMax } = r.config;
  const size = startup.bodiesSize + readLengthOf(message.header.size);
  if (size > Math.min(BODIES_BYTES_MAX, walSlots * messageSizeMax * BODIES_RING_SHARE)) return;
  startup.bodiesSize = size;
  startup.bodies.push(message);
}

function finishStartup(r: Replica, startup: NonNullable<Replica['startup']>): void {
  const reads: SlotRead[] = [];
  for (const read of startup.reads) {
    assert(read !== null, 'every slot was read');
    reads.push(read);
  }
  r.startup = null;
  const solo = r.replicaCount === 1;
  const writesMax = journalWritesMax(r);
  const recovered = recoverLog(reads, {
    config: r.config,
    superblock: r.superblock.durable,
    solo,
    writesMax,
  });
  if (recovered === null || (solo && !recovered.headCertain)) {
    fatal(r, 'wal_corrupt');
    return;
  }
  recovered.decisions.forEach((decision, slot) => {
    const isHeader = decision === 'fix' && reads[slot]?.header === 'bad';
    // Rot in a body that a checkpoint covers looks like a torn write, and is said like any other:
    // left silent, it would be gone before anyone hears of it, for the op is fetched anew.
    if (decision !== 'vsr' && decision !== 'torn' && !isHeader) return;
    const what = isHeader ? 'header' : 'prepare';
    trace(r, { kind: 'corrupt', what, place: slot, found: 'start' });
    // Its body says the same: `startFixes` writes the header again.
    const fixed = isHeader && recovered.slots[slot]?.fix === true;
    const op = recovered.slots[slot]?.entry?.header.op ?? null;
    if (fixed) trace(r, { kind: 'repaired', what: 'redundant_header', op });
  });
  recovered.slots.forEach((slot, walSlot) => {
    if (slot.entry !== null || slot.faulty) return;
    // What was dropped is not carried along either: its header would vouch for a body that is gone.
    startup.redundant.set(reservedSlot(walSlot, r).bytes, walSlot * HEADER_SIZE);
  });
  r.journal = new Journal({
    config: r.config,
    writesMax,
    redundant: startup.redundant,
    recovered,
    out: {
      writePrepare: (walSlot, message): void => {
        onPrepareWriteBegun(r, walSlot);
        r.out.push({ kind: 'write_prepare', walSlot, message });
      },
      writeHeaders: (sector, bytes): void => {
        r.out.push({ kind: 'write_headers', sector, bytes });
      },
    },
  });
  for (const body of startup.bodies) {
    // A slot in doubt is repaired first: it is not told by memory that its body is here.
    if (r.journal.isDurable(body.header.op)) r.journal.cacheBody(body);
  }
  r.op = recovered.head;
  restartChain(r);
  r.headCertain = recovered.headCertain;
  r.atStart = { view: r.view, logView: r.logView, op: r.op };
  r.timers.start('ping');
  r.timers.start('repair');
  r.timers.start('repairSync');
  r.timers.start('clockSync');
  if (isIntroduced(r)) decideStatus(r);
  else transitionToStatus(r, 'introducing');
  // Nobody promises anything to a peer, or hears it, before the two have greeted each other.
  onPingTimeout(r);
  r.journal.startFixes();
  beginRestore(r);
}

/** Goes on when the last voter has noted this replica's file. */
export function takePart(r: Replica): void {
  if (r.status === 'introducing' && isIntroduced(r)) decideStatus(r);
}

/** The start decision (rule start-decision). */
function decideStatus(r: Replica): void {
  if (r.logView < r.view) {
    resumeViewChange(r);
  } else if (!r.headCertain) {
    transitionToStatus(r, 'recovering_head');
    askEveryone(r);
  } else if (primarySlot(r.view) === r.slot) {
    // It cannot lead on in this view: backups may have acknowledged ops that its own disk never
    // got, and it would give their numbers to others. It votes for the next view instead.
    transitionToStatus(r, 'view_change');
    voteToLeave(r, 'restarted_primary');
    r.timers.start('viewChange');
  } else {
    transitionToStatus(r, 'normal');
    r.timers.start('silence');
  }
  trace(r, { kind: 'started', status: r.status, op: r.op, view: r.view });
}
