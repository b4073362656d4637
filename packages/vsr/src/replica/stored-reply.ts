import type { Replica } from './replica.ts';
import { compose, sendToClient } from './send.ts';
import type { Session } from './sessions.ts';

/**
 * Sends the last reply of a session. Its body and numbers are those of the execution; view,
 * release and sender are stamped now. A body that is on disk only is read first.
 */
export function sendReply(r: Replica, session: Session): void {
  const body = r.forest.holding(() => r.sessions.reply(session.client));
  if (body === 'wanted') {
    r.repliesWaiting.add(session.client);
    return;
  }
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

/** Sends the replies whose bodies have been read meanwhile. */
export function sendWaitingReplies(r: Replica): void {
  if (r.repliesWaiting.size === 0 || !r.restored) return;
  const waiting = [...r.repliesWaiting];
  r.repliesWaiting.clear();
  for (const client of waiting) {
    const session = r.sessions.get(client);
    // It may have been evicted, or have got further: the newest reply answers any retry.
    if (session !== null) sendReply(r, session);
  }
  if (r.executing === null) releaseBlocks(r);
}

/** Lets go of the blocks that were held together, unless someone still waits for more of them. */
export function releaseBlocks(r: Replica): void {
  const { blocked, waiting } = r.reads;
  if (r.repliesWaiting.size === 0 && !(blocked && waiting.length > 0)) r.forest.release();
}
