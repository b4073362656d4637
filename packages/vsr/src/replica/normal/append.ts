import { assert } from '@kimberlite/store';
import { primarySlot } from '../../membership.ts';
import { logHeaderOf } from '../../message/header-list.ts';
import type { PrepareMessage } from '../../message/message.ts';
import { setHas } from '../../std/bitset.ts';
import { opMax } from '../../std/numbers.ts';
import { namesOtherCheckpoint } from '../checkpoint/checkpoint-ids.ts';
import { askAboutCheckpoint } from '../liveness/ping.ts';
import type { DropReason } from '../reasons.ts';
import { onNextArrived, onRepairPrepare } from '../repair/repair.ts';
import type { Replica } from '../replica.ts';
import { drop, fatal, trace } from '../report.ts';
import { isBackup } from '../role.ts';
import { askForView } from '../view-change/ask-view.ts';
import { heardPrimary } from './heartbeat.ts';
import { onPrepareDurable } from './prepare-ok.ts';

/** A prepare from the primary of its view, or an old one that answers a repair. */
export function onPrepare(r: Replica, message: PrepareMessage): void {
  const { header } = message;
  if (header.view > r.view) {
    // That view has begun without us: its log must be fetched first. To append to the old log would
    // bring back what the new primary dropped (rule no-view-by-prepare).
    askForView(r, header.view);
    return;
  }
  if (header.view < r.view || header.op <= r.op || !isBackup(r)) {
    onRepairPrepare(r, message);
    return;
  }
  if (header.replica !== primarySlot(r.view)) {
    drop(r, message, 'not_from_primary');
    return;
  }
  if (!setHas(r.greeted, header.replica)) {
    // It may remember more of this file than this file holds (rule promise-remembered).
    drop(r, message, 'not_greeted');
    return;
  }
  if (header.commit >= header.op) {
    // A prepare is made before it commits: believed, it would commit itself and what follows.
    drop(r, message, 'invalid_metadata');
    return;
  }
  heardPrimary(r);
  r.primaryOp = opMax(r.primaryOp, header.op);
  onNextArrived(r, header.op);
  if (header.op > r.op + 1) {
    if (header.op <= r.op + 2 * r.config.pipelineMax) r.buffer.set(header.op, message);
    else drop(r, message, 'gap');
    r.timers.ensure('repair');
    return;
  }
  appendNext(r, message);
}

/** Backup: the next prepares of this view, if they came before. */
export function drainBuffer(r: Replica): void {
  for (;;) {
    const next = r.buffer.get(r.op + 1);
    if (next === undefined) return;
    r.buffer.delete(r.op + 1);
    if (next.header.view !== r.view || !appendNext(r, next)) return;
  }
}

/** Appends op = head + 1 whose parent is the head; returns whether it did. */
function appendNext(r: Replica, message: PrepareMessage): boolean {
  const { header } = message;
  const head = r.journal.header(r.op);
  assert(head !== null && header.op === r.op + 1, 'the head is known');
  const refusal = appendGate(r, message);
  if (refusal !== null) {
    drop(r, message, refusal);
    return false;
  }
  if (header.parent !== head.header.checksum) {
    drop(r, message, 'chain_break');
    // The primary of this view follows another op than the one that this replica has executed.
    if (r.op <= r.commitMin) fatal(r, 'diverged');
    return false;
  }
  if (namesOtherCheckpoint(r, header)) {
    // The primary's state after that checkpoint is not ours: one of us two has diverged, and the
    // others know which.
    drop(r, message, 'wrong_checkpoint');
    askAboutCheckpoint(r);
    return false;
  }
  r.commitMax = opMax(r.commitMax, header.commit);
  r.primaryCommit = opMax(r.primaryCommit, header.commit);
  append(r, message);
  return true;
}

function appendGate(r: Replica, { header }: PrepareMessage): DropReason | null {
  if (header.op > r.checkpoint.op + r.config.walSlots) return 'window';
  // A disk that cannot keep up must not make memory grow; the op is repaired later.
  if (r.journal.writesPending >= 4 * r.config.pipelineMax) return 'journal_full';
  return null;
}

/** Makes the prepare the new head and puts it on its way to disk. */
export function append(r: Replica, message: PrepareMessage): void {
  const { header } = message;
  assert(header.op === r.op + 1, 'the log grows by one');
  const occupant = r.journal.occupant(header.op);
  assert(
    occupant === null || occupant.header.op <= r.checkpoint.op || occupant.header.op === header.op,
    'a slot is used again only when its op is under a durable checkpoint',
  );
  if (occupant !== null && occupant.header.op < header.op)
    trace(r, { kind: 'wal_wrapped', op: header.op });
  r.journal.setHeader(logHeaderOf(message));
  r.op = header.op;
  if (r.journal.isDurable(header.op)) {
    // The very same prepare was on disk already, from before a restart or a view change.
    r.journal.cacheBody(message);
    onPrepareDurable(r, header.op);
  } else if (!r.journal.isWriting(header.op, header.checksum)) {
    r.journal.write(message);
  } else {
    r.journal.cacheBody(message);
  }
}
