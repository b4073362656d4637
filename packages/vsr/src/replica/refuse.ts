import { REFUSAL_REASONS, type RefusalReason } from '../message/layout.ts';
import type { Message } from '../message/message.ts';
import type { Replica } from './replica.ts';
import { compose, sendToClient } from './send.ts';

/** Tells a client that this replica will not do what it asked. */
export function refuse(
  r: Replica,
  { header }: Message<'request'> | Message<'query'>,
  reason: RefusalReason,
): void {
  const refusal = compose(r, 'refusal', {
    client: header.client,
    requestChecksum: header.checksum,
    request: header.command === 'request' ? header.request : 0,
    reason: REFUSAL_REASONS[reason],
  });
  sendToClient(r, header.client, refusal);
}
