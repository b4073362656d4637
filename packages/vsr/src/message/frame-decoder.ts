import { assert, type ChecksumFunction } from '@kimberlite/store';
import { HEADER_SIZE, SIZE_END } from './layout.ts';
import {
  type AnyMessage,
  type DecodeFault,
  decodeHeader,
  decodeMessage,
  peekSize,
} from './message.ts';

/** Why a byte stream cannot be read on; the connection that carried it must be closed. */
export type FrameFault = DecodeFault | 'too_large';

/** What a decoder accepts. */
export interface FrameDecoderOptions {
  /** Largest message that is accepted, header and body, in bytes. */
  readonly messageSizeMax: number;
  readonly checksum: ChecksumFunction;
}

/**
 * Cuts a stream of bytes into messages. Holds at most one message of `messageSizeMax`: the size is
 * checked before anything is buffered for it, and the header's checksum before a body is waited
 * for. A message that lies whole in one chunk is a view of that chunk; any other is copied once.
 *
 * After `push(chunk)`, call `next()` until it returns null. The chunk must not be changed
 * afterwards. After a fault the decoder returns the same fault for ever: where the next message
 * would begin cannot be known.
 */
export class FrameDecoder {
  private messageSizeMax: number;
  private readonly checksum: ChecksumFunction;
  /** What was pushed and not yet cut. */
  private chunk: Uint8Array;
  /** First byte of `chunk` that is not used yet. */
  private chunkAt: number;
  /** A message that began in an earlier chunk; only its first `partialFill` bytes are there. */
  private partial: Uint8Array | null;
  private partialFill: number;
  private fault: FrameFault | null;

  constructor(options: FrameDecoderOptions) {
    this.messageSizeMax = options.messageSizeMax;
    this.checksum = options.checksum;
    this.chunk = new Uint8Array(0);
    this.chunkAt = 0;
    this.partial = null;
    this.partialFill = 0;
    this.fault = null;
    assert(this.messageSizeMax >= HEADER_SIZE, 'a header fits');
  }

  /** Bytes that are held for a message that is not complete. */
  get pending(): number {
    return this.partialFill + this.chunk.length - this.chunkAt;
  }

  /** Raises the limit, in bytes, once the other side has said who it is. */
  raiseLimit(messageSizeMax: number): void {
    assert(messageSizeMax >= this.messageSizeMax, 'the limit only grows');
    this.messageSizeMax = messageSizeMax;
  }

  /** Gives the next bytes of the stream. Everything before must have been taken by `next`. */
  push(chunk: Uint8Array): void {
    if (this.fault !== null) return;
    assert(this.chunkAt === this.chunk.length, 'the chunk before was used up');
    this.chunk = chunk;
    this.chunkAt = 0;
  }

  /** The next whole message, a fault, or null when more bytes are needed. Never throws. */
  next(): AnyMessage | FrameFault | null {
    if (this.fault !== null) return this.fault;
    const result = this.partial === null ? this.cutWhole() : this.completePartial(this.partial);
    if (typeof result === 'string') {
      this.fault = result;
      this.chunk = new Uint8Array(0);
      this.chunkAt = 0;
      this.partial = null;
      this.partialFill = 0;
    }
    return result;
  }

  private cutWhole(): AnyMessage | FrameFault | null {
    const available = this.chunk.length - this.chunkAt;
    if (available === 0) return null;
    const rest = this.chunk.subarray(this.chunkAt);
    const size = peekSize(rest);
    if (size === null) {
      this.keep(rest, HEADER_SIZE);
      return null;
    }
    const fault = this.sizeFault(size);
    if (fault !== null) return fault;
    if (available < size) {
      if (available >= HEADER_SIZE) {
        const header = decodeHeader(rest, this.checksum);
        if (typeof header === 'string') return header;
        this.keep(rest, size);
      } else {
        this.keep(rest, HEADER_SIZE);
      }
      return null;
    }
    this.chunkAt += size;
    return decodeMessage(rest.subarray(0, size), this.checksum);
  }

  /** Moves the rest of the chunk into a buffer of `size` bytes that later chunks fill. */
  private keep(rest: Uint8Array, size: number): void {
    const partial = new Uint8Array(size);
    partial.set(rest);
    this.partial = partial;
    this.partialFill = rest.length;
    this.chunkAt = this.chunk.length;
  }

  private completePartial(partial: Uint8Array): AnyMessage | FrameFault | null {
    this.fill(partial);
    if (this.partialFill >= SIZE_END) {
      const size = peekSize(partial) ?? 0;
      const fault = this.sizeFault(size);
      if (fault !== null) return fault;
    }
    if (this.partialFill < partial.length) return null;
    const size = peekSize(partial) ?? 0;
    if (size > partial.length) {
      // Only the header is here. It is verified before its size is believed and reserved.
      assert(partial.length === HEADER_SIZE, 'a partial message is a header or complete');
      const header = decodeHeader(partial, this.checksum);
      if (typeof header === 'string') return header;
      const whole = new Uint8Array(size);
      whole.set(partial);
      this.partial = whole;
      return this.completePartial(whole);
    }
    this.partial = null;
    this.partialFill = 0;
    return decodeMessage(partial, this.checksum);
  }

  private fill(partial: Uint8Array): void {
    const wanted = partial.length - this.partialFill;
    const taken = Math.min(wanted, this.chunk.length - this.chunkAt);
    partial.set(this.chunk.subarray(this.chunkAt, this.chunkAt + taken), this.partialFill);
    this.partialFill += taken;
    this.chunkAt += taken;
  }

  private sizeFault(size: number): FrameFault | null {
    if (size < HEADER_SIZE) return 'size';
    return size > this.messageSizeMax ? 'too_large' : null;
  }
}
