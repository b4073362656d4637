import type { KeyEntry, KeyRecord } from '@kimberlite/kernel';
import { BYTES_DEFAULT, BYTES_MAX, VALUE_MAX } from '@kimberlite/kernel';
import {
  expectKind,
  type KeyValue,
  ownRecord,
  ownResult,
  type RangePage,
  rangePage,
  type TxnOutcome,
} from './answers.ts';
import {
  checkObject,
  flag,
  NO_OPTIONS,
  natural,
  objectShape,
  optionsShape,
  reading,
  type Shape,
  shown,
} from './arguments.ts';
import { type Bytes, own, toBytes } from './bytes.ts';
import { Caller } from './caller.ts';
import type { TxnCompare } from './compare.ts';
import { Dispatcher } from './dispatcher.ts';
import { invalidArgument } from './errors.ts';
import {
  CALL_FIELDS,
  type CallOptions,
  type ClientOptions,
  clientSettings,
  NAMESPACE_DEFAULT,
  timeoutOf,
} from './options.ts';
import { KEY_READ_FIELDS, type KeyReadOptions } from './read-mode.ts';
import {
  keysOf,
  type RangeRequest,
  rangeOf,
  type ScanRequest,
  scanOf,
  type TxnRequest,
  txnOf,
} from './requests.ts';
import type { ClientStatus, ConnectionEvent } from './status.ts';
import { Streams } from './streams.ts';

/** Reply bytes that a get reserves at first; a longer value is asked for again. */
const GET_BYTES_FIRST = 1024;

/** What `put` takes. */
export interface PutOptions extends CallOptions {
  /** Answer with what was there before (its value when that has at most 16 KiB). */
  readonly previous?: boolean;
}

/** What a key must be for `compareAndSwap`: absent (null), of this value, or of this revision. */
export type Expectation = Bytes | null | { readonly modRevision: number };

/** What `compareAndSwap` makes of a key. */
export interface Swap {
  readonly expected: Expectation;
  /** Null deletes the key. */
  readonly value: Bytes | null;
}

/** What `connected` takes. */
export interface ConnectedOptions {
  /** Milliseconds, above zero and at most a day; default: `requestTimeout` of the client. */
  readonly timeout?: number;
}

const PUT: Shape<PutOptions> = optionsShape('put', { ...CALL_FIELDS, previous: true });
const GET: Shape<KeyReadOptions> = optionsShape('get', KEY_READ_FIELDS);
const DELETE: Shape<CallOptions> = optionsShape('delete', CALL_FIELDS);
const RANGE: Shape<KeyReadOptions> = optionsShape('range', KEY_READ_FIELDS);
const SCAN: Shape<KeyReadOptions> = optionsShape('scan', KEY_READ_FIELDS);
const COMPACT: Shape<CallOptions> = optionsShape('compact', CALL_FIELDS);
const TXN: Shape<CallOptions> = optionsShape('txn', CALL_FIELDS);
const COMPARE_AND_SWAP: Shape<CallOptions> = optionsShape('compareAndSwap', CALL_FIELDS);
const CONNECTED: Shape<ConnectedOptions> = optionsShape('connected', { timeout: true });
const SWAP: Shape<Swap> = objectShape('the change of a compareAndSwap', {
  expected: true,
  value: true,
});
const REVISION_EXPECTED: Shape<Extract<Expectation, { readonly modRevision: number }>> =
  objectShape('an expected revision', { modRevision: true });

/**
 * A client of one cluster. Calls may be made at any time and from anywhere: concurrent ones share
 * requests and have no order among them, awaited ones do. Every call ends by its timeout, and
 * rejects with ClientError only, whose `definite` says whether the call can have happened.
 */
export class Client implements AsyncDisposable {
  /** Event streams. */
  readonly stream: Streams;
  private readonly dispatcher: Dispatcher;
  private readonly caller: Caller;
  private readonly connectTimeout: number;
  private readonly listeners: Set<(event: ConnectionEvent) => void>;

  /** Begins to connect; throws ClientError `invalid_argument` for options that make no sense. */
  constructor(options: ClientOptions) {
    const { settings, namespace } = reading(() => ({
      settings: clientSettings(options),
      namespace: toBytes(namespaceOf(options), 'a namespace'),
    }));
    this.listeners = new Set();
    this.connectTimeout = settings.timeouts.write;
    this.dispatcher = new Dispatcher(settings, (event) => this.tell(event));
    this.caller = new Caller(this.dispatcher, settings.timeouts, namespace);
    this.stream = new Streams(this.caller);
    this.dispatcher.open();
  }

  /** Resolves once a replica is connected; rejects when none can be, or within the timeout. */
  async connected(options: ConnectedOptions = NO_OPTIONS): Promise<void> {
    checkObject(options, CONNECTED);
    await this.dispatcher.connected(timeoutOf(options.timeout, this.connectTimeout));
  }

  /** Sets a key; durable on a quorum when it resolves. */
  async put(
    key: Bytes,
    value: Bytes,
    options: PutOptions = NO_OPTIONS,
  ): Promise<{ readonly revision: number; readonly previous: KeyRecord | null }> {
    checkObject(options, PUT);
    const result = await this.caller.perform(options, (namespace) => ({
      kind: 'put',
      namespace,
      key: toBytes(key, 'a key'),
      value: toBytes(value, 'a value'),
      previousBytesMax: flag('previous', options.previous) ? BYTES_DEFAULT : null,
    }));
    const { revision, previous } = expectKind(result, 'put');
    return { revision, previous: previous === null ? null : ownRecord(previous) };
  }

  /** Reads a key; null when it is absent. */
  async get(key: Bytes, options: KeyReadOptions = NO_OPTIONS): Promise<KeyValue | null> {
    checkObject(options, GET);
    const { bytes, revision, shared } = reading(() => ({
      bytes: toBytes(key, 'a key'),
      revision: revisionOf(options),
      shared: this.caller.shared(options),
    }));
    // A small reservation lets many gets share a request; a value that is longer (and may have
    // grown since) is read again with room for it.
    for (let bytesMax = GET_BYTES_FIRST; ; ) {
      const result = await this.caller.read(shared(), (namespace) => {
        if (revision === null) return { kind: 'get', namespace, key: bytes, bytesMax };
        return { kind: 'getAt', namespace, key: bytes, bytesMax, revision };
      });
      const { record } = expectKind(result, 'get');
      if (record === null) return null;
      if (record.value !== null) return { ...record, value: own(record.value) };
      bytesMax = record.valueSize <= VALUE_MAX ? record.valueSize : BYTES_MAX;
    }
  }

  /** Removes a key, or several in one revision. `revision` is null when none was there. */
  async delete(
    key: Bytes | readonly Bytes[],
    options: CallOptions = NO_OPTIONS,
  ): Promise<{ readonly revision: number | null; readonly deleted: number }> {
    checkObject(options, DELETE);
    const result = await this.caller.perform(options, (namespace) => {
      return { kind: 'delete', namespace, keys: keysOf(key) };
    });
    const { revision, deleted } = expectKind(result, 'delete');
    return { revision, deleted };
  }

  /** Reads one page of keys; consistent in itself. */
  async range(request: RangeRequest, options: KeyReadOptions = NO_OPTIONS): Promise<RangePage> {
    checkObject(options, RANGE);
    const { operation, revision, shared } = reading(() => ({
      operation: rangeOf(request),
      revision: revisionOf(options),
      shared: this.caller.shared(options),
    }));
    const ask = async (changes: Partial<typeof operation>): Promise<RangePage> => {
      const result = await this.caller.read(shared(), (namespace) => {
        const range = { ...operation, namespace, ...changes };
        return revision === null ? range : { ...range, kind: 'rangeAt', revision };
      });
      return rangePage(
        revision === null ? expectKind(result, 'range') : expectKind(result, 'rangeAt'),
      );
    };
    const page = await ask({});
    if (!page.more || page.next !== null) return page;
    const larger = await ask({ bytesMax: BYTES_MAX });
    if (!larger.more || larger.next !== null) return larger;
    // The longest key with the longest value does not fit into a page: its value is left out.
    return ask({ bytesMax: BYTES_MAX, keysOnly: true, limit: 1 });
  }

  /** All entries of a range, page by page; each page has a timeout of its own. */
  async *scan(
    request: ScanRequest,
    options: KeyReadOptions = NO_OPTIONS,
  ): AsyncGenerator<KeyEntry, void, undefined> {
    checkObject(options, SCAN);
    const { to, from, limit, keysOnly, bytesMax } = reading(() => scanOf(request));
    const end = to === null ? {} : { to };
    for (let start: Uint8Array | null = from; start !== null; ) {
      const page: RangePage = await this.range(
        { from: start, ...end, limit, keysOnly, bytesMax },
        options,
      );
      yield* page.entries;
      start = page.next;
    }
  }

  /**
   * Gives up the revisions below one: from then on they can't be read, and their space comes back
   * as runs are merged. The watermark never goes back; resolves to where it is.
   */
  async compact(
    revision: number,
    options: CallOptions = NO_OPTIONS,
  ): Promise<{ readonly watermark: number }> {
    checkObject(options, COMPACT);
    const result = await this.caller.perform(options, (namespace) => {
      return { kind: 'compact', namespace, revision: natural('revision', revision) };
    });
    return { watermark: expectKind(result, 'compact').watermark };
  }

  /** Compares, then does one of two lists of operations, all in one revision. */
  async txn(request: TxnRequest, options: CallOptions = NO_OPTIONS): Promise<TxnOutcome> {
    checkObject(options, TXN);
    const result = await this.caller.perform(options, (namespace) => {
      return { kind: 'txn', namespace, ...txnOf(request) };
    });
    if (result.kind === 'refused' && result.reason === 'compare_failed') {
      return { succeeded: false, revision: null, results: [] };
    }
    const { succeeded, revision, results } = expectKind(result, 'txn');
    return { succeeded, revision, results: results.map(ownResult) };
  }

  /** Sets a key, or deletes it (`value` null), if it is as expected; otherwise tells what it is. */
  async compareAndSwap(
    key: Bytes,
    change: Swap,
    options: CallOptions = NO_OPTIONS,
  ): Promise<{
    readonly succeeded: boolean;
    readonly revision: number | null;
    /** What the key is when it was not as expected; its value when that has at most 16 KiB. */
    readonly current: KeyRecord | null;
  }> {
    checkObject(options, COMPARE_AND_SWAP);
    checkObject(change, SWAP);
    const request = reading((): TxnRequest => {
      const { expected, value } = change;
      // Checked here, for a list of keys may be deleted too.
      const bytes = toBytes(key, 'a key');
      return {
        compares: [expectationOf(bytes, expected)],
        then: [
          value === null
            ? { kind: 'delete', key: bytes }
            : { kind: 'put', key: bytes, value: toBytes(value, 'a value') },
        ],
        else: [{ kind: 'get', key: bytes }],
      };
    });
    const { succeeded, revision, results } = await this.txn(request, options);
    const [first] = results;
    const current = !succeeded && first?.kind === 'get' ? first.record : null;
    return { succeeded, revision, current };
  }

  /** The client as it is now. */
  status(): ClientStatus {
    return this.dispatcher.status();
  }

  /** Hears of every change of a connection; the returned function ends that. */
  onConnection(listener: (event: ConnectionEvent) => void): () => void {
    if (typeof listener !== 'function') {
      throw invalidArgument('a listener is a function');
    }
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** Settles every call at once and closes the connections. Idempotent, safe at any moment. */
  close(): Promise<void> {
    return this.dispatcher.close();
  }

  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private tell(event: ConnectionEvent): void {
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch (error) {
        // The listener's own fault must not break the client, and must not be swallowed.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** A client that has reached a replica; rejects, and leaves nothing open, when there is none. */
export async function connect(options: ClientOptions): Promise<Client> {
  const client = new Client(options);
  try {
    await client.connected();
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

function namespaceOf({ namespace = NAMESPACE_DEFAULT }: ClientOptions): Bytes {
  return namespace;
}

function revisionOf({ revision }: KeyReadOptions): number | null {
  return revision === undefined ? null : natural('revision', revision);
}

function expectationOf(key: Bytes, expected: Expectation): TxnCompare {
  if (expected === null) return { key, target: 'absent' };
  if (typeof expected === 'string' || expected instanceof Uint8Array) {
    return { key, target: 'value', value: expected };
  }
  if (typeof expected !== 'object') {
    const rule = 'a key is expected to be null, a value, or { modRevision }';
    throw invalidArgument(`${rule}, not ${shown(expected)}`);
  }
  checkObject(expected, REVISION_EXPECTED);
  return { key, target: 'modRevision', operand: natural('modRevision', expected.modRevision) };
}
