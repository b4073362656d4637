import { mix128 } from '@kimberlite/store';
import type { ClientEffect } from '../client/client-effect.ts';
import { ClientSession } from '../client/client-session.ts';
import { REFUSAL_REASONS, type RefusalReason } from '../message/layout.ts';
import { type AnyMessage, encodeMessage, isCommand, type Message } from '../message/message.ts';
import { ClientId, Op, View } from '../std/numbers.ts';
import { Prng } from '../std/prng.ts';

/** A copy of a request that the session hands to the transport. */
export interface SentRequest {
  readonly replica: number;
  readonly message: Message<'request'>;
}

export const CLUSTER: bigint = 7n;
export const CLIENT: ClientId = ClientId(99n);
/** What every message of these tests says of its author. */
export const COMMON: {
  readonly cluster: bigint;
  readonly release: number;
  readonly incarnation: bigint;
} = { cluster: CLUSTER, release: 1, incarnation: 5n };

export function make(replicaCount = 3): ClientSession {
  return new ClientSession({
    cluster: CLUSTER,
    client: CLIENT,
    replicaCount,
    checksum: mix128,
    prng: new Prng(1n),
    release: 1,
    retryTicksMin: 10,
    retryTicksMax: 40,
  });
}

export function sends(out: readonly ClientEffect[]): SentRequest[] {
  const found: SentRequest[] = [];
  for (const effect of out) {
    if (effect.kind !== 'send') continue;
    if (!isCommand(effect.message, 'request')) throw new Error('clients send requests only');
    found.push({ replica: effect.replica, message: effect.message });
  }
  return found;
}

export function others(out: readonly ClientEffect[]): ClientEffect[] {
  return out.filter((effect) => effect.kind !== 'send');
}

export function onlySend(out: readonly ClientEffect[]): SentRequest {
  const found = sends(out);
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error('one send');
  return first;
}

export function reply(request: Message<'request'>, view: number, session: number): AnyMessage {
  return encodeMessage(
    'reply',
    {
      ...COMMON,
      replica: view % 16,
      view: View(view),
      client: request.header.client,
      requestChecksum: request.header.checksum,
      session,
      op: Op(12),
      timestamp: 1,
      index: 0,
      request: request.header.request,
      operation: request.header.operation,
    },
    new Uint8Array(0),
    mix128,
  );
}

export function refusal(
  request: Message<'request'>,
  replica: number,
  reason: RefusalReason,
): AnyMessage {
  return encodeMessage(
    'refusal',
    {
      ...COMMON,
      replica,
      view: View(0),
      client: request.header.client,
      requestChecksum: request.header.checksum,
      request: request.header.request,
      reason: REFUSAL_REASONS[reason],
    },
    null,
    mix128,
  );
}

/** A registered session: session number 40, primary in slot 1 of view 17. */
export function ready(replicaCount = 3): ClientSession {
  const session = make(replicaCount);
  const out: ClientEffect[] = [];
  session.register(out);
  const request = sends(out)[0]?.message;
  if (request === undefined) throw new Error('a register was sent');
  session.onMessage(reply(request, 17, 40), []);
  return session;
}

export function submitted(session: ClientSession): SentRequest {
  const out: ClientEffect[] = [];
  session.submit(16, new Uint8Array([1, 2, 3]), out);
  return onlySend(out);
}

/** What is in flight, as it is sent again; a new request when nothing is. */
export function submittedOrAgain(session: ClientSession): Message<'request'> {
  if (session.state === 'ready') return submitted(session).message;
  const [again] = tickUntilSend(session).sent;
  if (again === undefined) throw new Error('something was sent again');
  return again.message;
}

/** Ticks until something is sent again. */
export function tickUntilSend(session: ClientSession): {
  ticks: number;
  sent: SentRequest[];
} {
  for (let ticks = 1; ticks <= 1000; ticks += 1) {
    const out: ClientEffect[] = [];
    session.onTick(out);
    if (out.length > 0) return { ticks, sent: sends(out) };
  }
  throw new Error('a request in flight is sent again within its longest pause');
}
