import type { BlockHold } from '@kimberlite/store';
import type { ClientId } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';
import { compose, sendToClient } from '../send.ts';
import type { Session } from './sessions.ts';

/**
 * Sends the last reply of a session. Its body and numbers are those of the execution; view,
 * release and sender are stamped now. A body that is on disk only is read first.
 */
export function sendReply(r: Replica, session: Session): void {
  const body = readReply(r, session.client);
  if (body === 'wanted') return;
  const reply = compose(
    r,
    'reply',
    {
      client: session.client,
      requestChecksum: session.requestChecksum,
      session: session.session,
      op: session.op,
      timestamp: session.timestamp,
      index: session.index,
      request: session.request,
      operation: session.operation,
    },
    body,
  );
  sendToClient(r, session.client, reply);
}

/** The body that is to be sent; 'wanted' when it must be read first, and the client then waits. */
function readReply(r: Replica, client: ClientId): Uint8Array | 'wanted' {
  const { forest, repliesWaiting } = r;
  const hold = repliesWaiting.get(client) ?? forest.hold({ privileged: false });
  repliesWaiting.delete(client);
  const body = forest.holding(hold, () => r.sessions.reply(client));
  if (body === 'wanted') waitForReply(r, client, hold);
  else forest.release(hold);
  return body;
}

/**
 * The blocks of a reply are held beside those of queries, within the same bound. One of the
 * clients at a time has room in any case: it needs no more than the blocks of one row.
 */
function waitForReply(
  { forest, repliesWaiting }: Replica,
  client: ClientId,
  hold: BlockHold,
): void {
  if (![...repliesWaiting.values()].some(({ privileged }) => privileged)) forest.privilege(hold);
  if (!hold.privileged && forest.claimsTooMuch) forest.release(hold);
  repliesWaiting.set(client, hold);
}

/** Sends the replies whose bodies have been read meanwhile. */
export function sendWaitingReplies(r: Replica): void {
  if (r.repliesWaiting.size === 0 || !r.restored) return;
  const waiting = [...r.repliesWaiting].filter(([, hold]) => !hold.waits);
  for (const [client, hold] of waiting) {
    const session = r.sessions.get(client);
    if (session !== null) {
      // It may have got further: the newest reply answers any retry.
      sendReply(r, session);
    } else {
      r.repliesWaiting.delete(client);
      r.forest.release(hold);
    }
  }
}
