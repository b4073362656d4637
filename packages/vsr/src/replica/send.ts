import { assert } from '@kimberlite/store';
import type { Command, OwnFields } from '../message/layout.ts';
import { type AnyMessage, encodeFrom, type Message } from '../message/message.ts';
import { setHas, setSlots } from '../std/bitset.ts';
import type { ClientId } from '../std/numbers.ts';
import type { Replica } from './replica.ts';

/** Makes a message of this replica, in its current view (a ping or pong in the durable one). */
export function compose<C extends Command>(
  r: Replica,
  command: C,
  fields: OwnFields<C>,
  body: Uint8Array | null = null,
): Message<C> {
  const durableOnly = command === 'ping' || command === 'pong';
  const sender = {
    cluster: r.cluster,
    replica: r.slot,
    view: durableOnly ? r.superblock.durable.view : r.view,
    release: r.release,
    incarnation: r.incarnation,
  };
  return encodeFrom(command, { sender, own: fields }, body, r.checksum);
}

/**
 * The one place that decides whether others may see this message (rules view-durable-before-shown,
 * log-view-durable-before-ack). What is refused is dropped: timers send it again once the
 * superblock is written. Otherwise a replica that crashes between sending and writing would come
 * back having forgotten what it promised.
 */
export function sendGate(r: Replica, message: Message): string | null {
  const { header } = message as AnyMessage; // SAFETY: of one command.
  const durable = r.superblock.durable;
  switch (header.command) {
    case 'requestStartView':
    case 'hello':
    case 'rejection':
    case 'block':
    case 'refusal':
    case 'request':
    case 'query':
      return null;
    case 'prepareOk':
    case 'startView':
    case 'reply':
    case 'eviction':
      return durable.logView < header.view ? 'log_view_not_durable' : null;
    case 'doViewChange':
      if (durable.view < header.view) return 'view_not_durable';
      return durable.logView < header.logView ? 'log_view_not_durable' : null;
    default:
      return durable.view < header.view ? 'view_not_durable' : null;
  }
}

/** What says that something is on this disk: peers remember it (promise.ts). */
const PROMISES: ReadonlySet<Command> = new Set<Command>([
  'prepareOk',
  'commit',
  'startViewChange',
  'doViewChange',
  'startView',
  'viewConfirmed',
]);

/** While a peer denies this replica's file it only greets (rule denied-is-mute). */
function isMuted(r: Replica, { header }: Message): boolean {
  return r.denials.size > 0 && header.command !== 'ping' && header.command !== 'pong';
}

/**
 * Nobody is promised anything before it has told what this file promised it already (rule
 * promise-remembered): acks, votes and heartbeats wait, and timers send them again.
 */
function greetingGate(r: Replica, to: number, message: Message): string | null {
  if (isMuted(r, message)) return 'denied';
  return setHas(r.greeted, to) || !PROMISES.has(message.header.command) ? null : 'not_greeted';
}

export function sendMessage(r: Replica, to: number, message: Message): void {
  assert(to !== r.slot, 'nobody sends to itself');
  if (sendGate(r, message) !== null || greetingGate(r, to, message) !== null) return;
  r.out.push({ kind: 'send', to, message: message as AnyMessage }); // SAFETY: of one command.
}

export function send<C extends Command>(
  r: Replica,
  to: number,
  command: C,
  fields: OwnFields<C>,
  body: Uint8Array | null = null,
): void {
  sendMessage(r, to, compose(r, command, fields, body));
}

/** To every other voter; encoded once. */
export function broadcast<C extends Command>(
  r: Replica,
  command: C,
  fields: OwnFields<C>,
  body: Uint8Array | null = null,
): void {
  broadcastMessage(r, compose(r, command, fields, body));
}

export function broadcastMessage(r: Replica, message: Message): void {
  for (const slot of setSlots(r.voters)) if (slot !== r.slot) sendMessage(r, slot, message);
}

export function sendToClient(r: Replica, client: ClientId, message: Message): void {
  if (sendGate(r, message) !== null || isMuted(r, message)) return;
  // SAFETY: of one command.
  r.out.push({ kind: 'send_client', client, message: message as AnyMessage });
}
