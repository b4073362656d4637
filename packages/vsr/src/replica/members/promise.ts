import type { Header } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { setHas } from '../../std/bitset.ts';
import { Op, View, viewMax } from '../../std/numbers.ts';
import type { PeerPromise, Replica } from '../replica.ts';
import { durableHead } from '../view-change/durable-head.ts';
import { isDenied } from './denial.ts';

/*
 * Rule promise-remembered: every replica remembers, while it runs, the most that each peer has
 * promised it, and says so in its pongs. Before a replica promises anything to a peer in this life
 * of its process, or counts what that peer says, its prepares as a primary among that, it must have
 * heard this, in answer to a ping of this life: an older answer, which waited on its way, may be
 * from before the last promise. A file that is behind its own promise was put back from an old
 * copy. Otherwise: B acknowledges with C, is put back to a copy from before that, and elects a
 * primary with A that has never seen the op.
 */

/** What a peer has promised that has promised nothing. */
export function noPromise(): PeerPromise {
  return { view: View(0), logView: View(0), op: Op(0) };
}

/** Remembers what a known peer promises: votes, acknowledgements, and that it leads. */
export function rememberPromise(r: Replica, header: Header): void {
  const { command, replica, view } = header;
  const promise = r.promises[replica];
  if (promise === undefined) return;
  switch (command) {
    case 'prepareOk':
      rememberLog(promise, view, header.op);
      break;
    case 'commit':
      rememberLog(promise, view, header.durableOp);
      break;
    case 'startView':
      rememberLog(promise, view, Op(0));
      break;
    case 'ping':
      rememberLog(promise, header.promisedLogView, header.promisedOp);
      promise.view = viewMax(promise.view, header.promisedView);
      return;
    case 'startViewChange':
    case 'doViewChange':
      break;
    default:
      return;
  }
  promise.view = viewMax(promise.view, view);
}

function rememberLog(promise: PeerPromise, view: View, op: Op): void {
  if (view < promise.logView || (view === promise.logView && op <= promise.op)) return;
  promise.logView = view;
  promise.op = op;
}

/**
 * What this replica stands by, told with its pings to a peer that has greeted it: to another one
 * it would seem to be of an earlier life.
 */
export function standingPromise(
  r: Replica,
  to: number,
): Pick<Message<'ping'>['header'], 'promisedView' | 'promisedLogView' | 'promisedOp'> {
  const stands = setHas(r.greeted, to) && !isDenied(r);
  const { view, logView } = stands ? r.superblock.durable : noPromise();
  // A log above a checkpoint that is being taken over is not this file's before its superblock
  // says so: a crash in between starts with the log before.
  const current = stands && logView === r.logView && !r.restorePending;
  const op = current ? durableHead(r) : Op(0);
  return { promisedView: view, promisedLogView: logView, promisedOp: op };
}

/**
 * Whether this file holds less than a peer that has not greeted it yet remembers. Nothing was
 * promised to that peer in this life, so what it remembers is of earlier ones: it was durable
 * before it was sent, and so stands in the file as it was opened. A head that corruption made
 * uncertain may be below what was acknowledged; the replica knows that, and promises nothing before
 * it is repaired.
 */
export function isBehindItsPromise(r: Replica, pong: Message<'pong'>['header']): boolean {
  const { view, logView, op } = r.atStart;
  if (view < pong.promisedView) return true;
  if (logView !== pong.promisedLogView) return logView < pong.promisedLogView;
  return r.headCertain && op < pong.promisedOp;
}
