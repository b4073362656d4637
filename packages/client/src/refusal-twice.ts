import { type AnyMessage, isCommand } from '@kimberlite/vsr';
import type { Connection } from './connection.ts';

/**
 * Whether a refusal came on a connection that is not the one to its replica. A replica answers on
 * every connection that a client has used; where two endpoints name one replica there are two of
 * them, and sessions, which count their copies and the refusals of these, would count one refusal
 * twice. One that is not counted at all does no harm.
 */
export function isRefusalTwice(
  connection: Connection,
  message: AnyMessage,
  bySlot: ReadonlyMap<number, Connection>,
): boolean {
  if (!isCommand(message, 'refusal')) return false;
  return connection.slot === null || bySlot.get(connection.slot) !== connection;
}
