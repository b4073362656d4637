/**
 * Why a message was not sent, or a connection not taken, before the protocol had a say. Labels of a
 * metric, beside the reasons of the core; docs/metrics.md has the table.
 */
export const NETWORK_DROP_REASONS = {
  client_unreachable: 'for a client without a connection here; it asks again',
  connection_closed: 'for a connection that has just ended',
  other_author: 'from a peer, in the name of another replica than the one that greeted',
  peer_unreachable: 'for a peer without a connection; the protocol sends again',
  send_queue_full: 'for a receiver that does not keep up with what is sent to it',
  too_many_clients: 'a connection beyond `client-connections`, closed before its greeting',
} as const;
/** One of `NETWORK_DROP_REASONS`. */
export type NetworkDropReason = keyof typeof NETWORK_DROP_REASONS;
