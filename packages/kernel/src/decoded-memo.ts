import type { Call } from './codec/call.ts';
import { decodeCalls } from './codec/decode-calls.ts';
import { type CallsWeight, weighCalls } from './codec/request-weight.ts';

/** What a request's body says. */
export interface DecodedBody extends CallsWeight {
  readonly calls: readonly Call[];
}

/**
 * The last body that was decoded. A primary validates and weighs a request when it comes; every
 * replica validates, prefetches and executes it when its op commits. The questions of either moment
 * are asked one right after another, of one view, and so decode it once. Between the moments other
 * bodies come, and the second asks of the prepare's view, not the request's: one entry is all that
 * helps. Asked by identity, so whoever holds the view must not change its bytes; nobody changes a
 * message.
 */
export class DecodedMemo {
  private body: Uint8Array | null;
  private decoded: DecodedBody | null;

  constructor() {
    this.body = null;
    this.decoded = null;
  }

  /** Null when the body is no list of calls. */
  of(body: Uint8Array): DecodedBody | null {
    if (body === this.body) return this.decoded;
    const calls = decodeCalls(body);
    this.body = body;
    this.decoded = calls === null ? null : { calls, ...weighCalls(calls) };
    return this.decoded;
  }
}
