import type { Command } from '../message/layout.ts';
import type { AnyMessage, Message } from '../message/message.ts';
import { setRemove } from '../std/bitset.ts';
import { noteCheckpoint } from './checkpoint/checkpoint-ids.ts';
import { showsFollowing } from './liveness/heard.ts';
import { onPing, onPong } from './liveness/ping.ts';
import { isDenied } from './members/denial.ts';
import { strangerGate } from './members/introduce.ts';
import { rememberPromise } from './members/promise.ts';
import { onPrepare } from './normal/append.ts';
import { onCommit } from './normal/heartbeat.ts';
import { onPrepareOk } from './normal/prepare-ok.ts';
import { onRequest } from './normal/request.ts';
import { onQuery } from './reads/read.ts';
import {
  onConfirmView,
  onReadIndex,
  onRequestReadIndex,
  onViewConfirmed,
} from './reads/read-round.ts';
import { onBlock } from './repair/block-repair.ts';
import { onHeaders } from './repair/repair.ts';
import { onRequestBlocks, onRequestHeaders, onRequestPrepare } from './repair/serve.ts';
import type { Replica } from './replica.ts';
import { drop } from './report.ts';
import { isVoter } from './role.ts';
import { onDoViewChange } from './view-change/do-view-change.ts';
import { onRequestStartView, onStartView } from './view-change/start-view.ts';
import { onStartViewChange } from './view-change/view-change.ts';

interface Handler<C extends Command> {
  readonly handle: (r: Replica, message: Message<C>) => void;
  /**
   * Its author is a member that speaks for itself. Of the others a client is the author (request),
   * or the primary of the view that made it, whoever hands it on (prepare).
   */
  readonly fromPeer: boolean;
}

function fromPeer<C extends Command>(handle: Handler<C>['handle']): Handler<C> {
  return { handle, fromPeer: true };
}

function fromAnyone<C extends Command>(handle: Handler<C>['handle']): Handler<C> {
  return { handle, fromPeer: false };
}

/** Who takes which message; null for those that no replica is sent. */
const HANDLERS: { readonly [C in Command]: Handler<C> | null } = {
  request: fromAnyone(onRequest),
  prepare: fromAnyone(onPrepare),
  prepareOk: fromPeer(onPrepareOk),
  commit: fromPeer(onCommit),
  ping: fromPeer(onPing),
  pong: fromPeer(onPong),
  startViewChange: fromPeer(onStartViewChange),
  doViewChange: fromPeer(onDoViewChange),
  startView: fromPeer(onStartView),
  requestStartView: fromPeer(onRequestStartView),
  requestHeaders: fromPeer(onRequestHeaders),
  headers: fromPeer(onHeaders),
  requestPrepare: fromPeer(onRequestPrepare),
  requestBlocks: fromPeer(onRequestBlocks),
  block: fromPeer(onBlock),
  reply: null,
  refusal: null,
  eviction: null,
  hello: null,
  rejection: null,
  query: fromAnyone(onQuery),
  queryReply: null,
  confirmView: fromPeer(onConfirmView),
  viewConfirmed: fromPeer(onViewConfirmed),
  requestReadIndex: fromPeer(onRequestReadIndex),
  readIndex: fromPeer(onReadIndex),
  reserved: null,
};

/**
 * The one gate for messages: a handler may take for granted that the cluster is its own, that this
 * replica has started, and that a peer's message comes from a voter other than itself, out of the
 * data file that is known to be that voter's. Pings and pongs are how that comes to be known, and
 * look for themselves.
 */
export function onMessage(r: Replica, message: AnyMessage): void {
  const { header } = message;
  if (r.status === 'recovering') return;
  const greets = header.command === 'ping' || header.command === 'pong';
  if ((r.status === 'introducing' || isDenied(r)) && !greets) return;
  if (header.cluster !== r.cluster) {
    drop(r, message, 'wrong_cluster');
    return;
  }
  // SAFETY: the table gives each command the handler of its own messages.
  const handler = HANDLERS[header.command] as Handler<Command> | null;
  if (handler === null) {
    drop(r, message, 'unexpected_command');
    return;
  }
  if (handler.fromPeer) {
    if (header.replica === r.slot || !isVoter(r, header.replica)) {
      drop(r, message, 'unknown_author');
      return;
    }
    const stranger = strangerGate(r, header);
    if (stranger === null) {
      rememberPromise(r, header);
      noteCheckpoint(r, header);
      r.heardAt[header.replica] = r.tick;
      r.peersGone = setRemove(r.peersGone, header.replica);
      if (showsFollowing(r, header)) r.primary.heardInViewAt[header.replica] = r.tick;
    } else if (!greets) {
      drop(r, message, stranger);
      return;
    }
  }
  handler.handle(r, message);
}
