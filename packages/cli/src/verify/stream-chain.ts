import { hash } from 'node:crypto';
import type { StreamPage } from '@kimberlite/client';

/** What is asked of a stream; the client has it. */
export interface StreamSource {
  length(): Promise<{ readonly length: number; readonly chain: Uint8Array }>;
  /** A page of at most `limit` events. */
  read(offset: number, limit: number): Promise<Pick<StreamPage, 'events' | 'chain'>>;
}

export type StreamVerdict =
  | { readonly kind: 'whole'; readonly events: number; readonly chain: Uint8Array }
  /** The chain that is kept in front of `offset` is not the one of the events before it. */
  | {
      readonly kind: 'broken';
      readonly offset: number;
      readonly expected: Uint8Array;
      readonly found: Uint8Array;
    };

/** Events asked for at once. */
const PAGE = 1024;
/** Of the chain's hash, before the offset is put behind it. */
const CHAIN_SIZE = 32;

/**
 * Reads a stream from its beginning to the end that it has now, works out the hash chain of its
 * events and compares it with the one that the kernel keeps, in front of each page and behind the
 * last event. Where they differ it asks event by event, so that the first broken link is named. The
 * chain is worked out here anew (docs/kernel.md), with none of the kernel's code.
 */
export async function verifyStream(
  source: StreamSource,
  onProgress: (done: number, total: number) => void,
): Promise<StreamVerdict> {
  const { length, chain: last } = await source.length();
  let chain: Uint8Array = new Uint8Array(CHAIN_SIZE);
  let offset = 0;
  let before: Point = { offset, chain };
  for (;;) {
    const limit = Math.min(PAGE, length - offset);
    const page = limit > 0 ? await source.read(offset, limit) : null;
    const kept = page === null ? last : page.chain;
    if (!sameBytes(kept, chain)) return firstBroken(source, before, { offset, chain, kept });
    if (page === null) return { kind: 'whole', events: length, chain };
    if (page.events.length === 0) throw new Error('a page below the length has events');
    before = { offset, chain };
    for (const event of page.events) {
      chain = chainAfter(chain, offset, event);
      offset += 1;
    }
    onProgress(offset, length);
  }
}

interface Point {
  readonly offset: number;
  readonly chain: Uint8Array;
}

/** The chain held at `from` and no more at `to`: looks where it broke, event by event. */
async function firstBroken(
  source: StreamSource,
  from: Point,
  to: Point & { readonly kept: Uint8Array },
): Promise<StreamVerdict> {
  let { offset, chain } = from;
  while (offset < to.offset) {
    const page = await source.read(offset, 1);
    if (!sameBytes(page.chain, chain)) return broken(offset, chain, page.chain);
    const [event] = page.events;
    if (event === undefined) throw new Error('there is an event below the length');
    chain = chainAfter(chain, offset, event);
    offset += 1;
  }
  return broken(to.offset, to.chain, to.kept);
}

function broken(offset: number, expected: Uint8Array, found: Uint8Array): StreamVerdict {
  return { kind: 'broken', offset, expected, found };
}

/** SHA-256 of the chain before, the event's offset (u64, little-endian) and the event. */
export function chainAfter(chain: Uint8Array, offset: number, event: Uint8Array): Uint8Array {
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(BigInt(offset));
  return hash('sha256', Buffer.concat([chain, place, event]), 'buffer');
}

function sameBytes(first: Uint8Array, other: Uint8Array): boolean {
  return Buffer.from(first).equals(other);
}
