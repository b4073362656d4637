import { BYTES_MAX, type Call, type ReadCall } from '@kimberlite/kernel';
import { expectKind } from './answers.ts';
import {
  checkObject,
  listOf,
  NO_OPTIONS,
  natural,
  optionsShape,
  reading,
  type Shape,
} from './arguments.ts';
import { type Bytes, own, toBytes } from './bytes.ts';
import type { Caller } from './caller.ts';
import { invalidArgument } from './errors.ts';
import { CALL_FIELDS, type CallOptions } from './options.ts';
import { READ_FIELDS, type ReadOptions } from './read-mode.ts';

/** What `append` takes. */
export interface AppendOptions extends CallOptions {
  /**
   * The length that the stream must have, in events; otherwise the append rejects with
   * `wrong_offset`, whose `length` is the right one. Left out: any. With it, an append that may
   * have happened can be tried again: it cannot happen twice.
   */
  readonly expectedOffset?: number;
}

/** What `read` takes. */
export interface StreamReadOptions extends ReadOptions {
  /** First event; default 0. Above the stream's length: `wrong_offset`. */
  readonly offset?: number;
  /** Events, at most: 1 to 1,024, default 100. */
  readonly limit?: number;
}

/** What an append did. */
export interface Appended {
  /** Number of this change among all of the cluster. */
  readonly revision: number;
  /** Offset of the first event appended. */
  readonly offset: number;
  /** Length of the stream with them. */
  readonly length: number;
  /** SHA-256 chain over all events up to the last: 32 bytes. */
  readonly chain: Uint8Array;
}

/** Events that follow one another, as many as were asked for or fit into a reply. */
export interface StreamPage {
  readonly events: readonly Uint8Array[];
  /** The stream goes on behind them. */
  readonly more: boolean;
  /** Offset to read on from. */
  readonly next: number;
  /** Length of the whole stream. */
  readonly length: number;
  /** Chain hash before the first event of the page: fold the events into it to verify them. */
  readonly chain: Uint8Array;
}

const CREATE: Shape<CallOptions> = optionsShape('stream.create', CALL_FIELDS);
const APPEND: Shape<AppendOptions> = optionsShape('stream.append', {
  ...CALL_FIELDS,
  expectedOffset: true,
});
const READ: Shape<StreamReadOptions> = optionsShape('stream.read', {
  ...READ_FIELDS,
  offset: true,
  limit: true,
});
const LENGTH: Shape<ReadOptions> = optionsShape('stream.length', READ_FIELDS);

/** Event streams. All of these reject with ClientError. */
export class Streams {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** Makes an empty stream; `stream_exists` when there is one. */
  async create(
    stream: Bytes,
    options: CallOptions = NO_OPTIONS,
  ): Promise<{ readonly revision: number }> {
    checkObject(options, CREATE);
    const result = await this.perform(stream, options, (place) => {
      return { kind: 'streamCreate', ...place };
    });
    return { revision: expectKind(result, 'streamCreate').revision };
  }

  /** Appends one event or several, all or none. */
  async append(
    stream: Bytes,
    events: Bytes | readonly Bytes[],
    options: AppendOptions = NO_OPTIONS,
  ): Promise<Appended> {
    checkObject(options, APPEND);
    const one = typeof events === 'string' || events instanceof Uint8Array;
    const list = one ? [events] : reading(() => listOf(events, 'events'));
    const result = await this.perform(stream, options, (place) => ({
      kind: 'streamAppend',
      ...place,
      expectedOffset: expectedOffsetOf(options),
      events: list.map((event) => toBytes(event, 'an event')),
    }));
    const { revision, offset, length, chain } = expectKind(result, 'streamAppend');
    return { revision, offset, length, chain: own(chain) };
  }

  /** Reads a page of events. */
  async read(stream: Bytes, options: StreamReadOptions = NO_OPTIONS): Promise<StreamPage> {
    checkObject(options, READ);
    const { offset = 0, limit = 100 } = reading(() => ({ ...options }));
    natural('offset', offset);
    if (natural('limit', limit) < 1) throw invalidArgument('limit is at least 1');
    const result = await this.ask(stream, options, (place) => {
      return { kind: 'streamRead', ...place, offset, limit, bytesMax: BYTES_MAX };
    });
    const { events, more, length, chain } = expectKind(result, 'streamRead');
    return {
      events: events.map(own),
      more,
      next: offset + events.length,
      length,
      chain: own(chain),
    };
  }

  /** Number of events, and the chain hash of the last (32 zero bytes for none). */
  async length(
    stream: Bytes,
    options: ReadOptions = NO_OPTIONS,
  ): Promise<{ readonly length: number; readonly chain: Uint8Array }> {
    checkObject(options, LENGTH);
    const result = await this.ask(stream, options, (place) => {
      return { kind: 'streamLength', ...place };
    });
    const { length, chain } = expectKind(result, 'streamLength');
    return { length, chain: own(chain) };
  }

  private perform(
    stream: Bytes,
    options: CallOptions,
    make: (place: { readonly namespace: Uint8Array; readonly stream: Uint8Array }) => Call,
  ): ReturnType<Caller['perform']> {
    const name = reading(() => toBytes(stream, 'a stream'));
    return this.caller.perform(options, (namespace) => make({ namespace, stream: name }));
  }

  private ask(
    stream: Bytes,
    options: ReadOptions,
    make: (place: { readonly namespace: Uint8Array; readonly stream: Uint8Array }) => ReadCall,
  ): ReturnType<Caller['read']> {
    const name = reading(() => toBytes(stream, 'a stream'));
    return this.caller.read(options, (namespace) => make({ namespace, stream: name }));
  }
}

function expectedOffsetOf({ expectedOffset }: AppendOptions): number | null {
  return expectedOffset === undefined ? null : natural('expectedOffset', expectedOffset);
}
