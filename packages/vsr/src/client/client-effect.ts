import type { EvictionReason, RefusalReason } from '../message/layout.ts';
import type { AnyMessage, Message } from '../message/message.ts';

/**
 * What a session asks of whoever drives it (the client library, the simulator): sends, and what
 * became of the request.
 */
export type ClientEffect =
  | { readonly kind: 'send'; readonly replica: number; readonly message: AnyMessage }
  | { readonly kind: 'registered'; readonly session: number }
  | { readonly kind: 'reply'; readonly message: Message<'reply'> }
  /** The session is over; what was in flight may or may not have happened. */
  | { readonly kind: 'evicted'; readonly reason: EvictionReason }
  /** Refused. `definite`: every copy of it was refused, so it did not happen and never will. */
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly definite: boolean }
  /**
   * A replica sees no quorum. The request goes on being asked for, as an earlier copy may execute;
   * what waits behind it may be told why.
   */
  | { readonly kind: 'no_quorum' }
  /** The same of a primary that has more requests than it can take. */
  | { readonly kind: 'busy' };
