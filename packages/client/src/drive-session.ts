import type { AnyMessage, ClientEffect, ClientSession } from '@kimberlite/vsr';
import type { SendResult } from './connection.ts';

/** What a session needs from whoever drives it. */
export interface SessionHost {
  /** Sends to the replica in that slot. */
  send(slot: number, message: AnyMessage): SendResult;
  onEffect(effect: Exclude<ClientEffect, { readonly kind: 'send' }>): void;
}

/** Lets a session act, sends what it asks for, and tells it what could not be sent. */
export function driveSession(
  session: ClientSession,
  host: SessionHost,
  act: (session: ClientSession, out: ClientEffect[]) => void,
): void {
  const out: ClientEffect[] = [];
  act(session, out);
  // Grows while it is walked: a send that finds no connection may lead to another.
  for (const effect of out) {
    if (effect.kind !== 'send') {
      host.onEffect(effect);
      continue;
    }
    const { replica, message } = effect;
    const result = host.send(replica, message);
    if (result === 'held') session.onHeld(message);
    else if (result === 'unsent') session.onUnsent(replica, message, out);
  }
}
