import {
  Client,
  ClientError,
  type ClientErrorCode,
  type Expectation,
  type TxnCompare,
} from '@kimberlite/client';
import { BYTES_DEFAULT, type Call, type Compare, type Result } from '@kimberlite/kernel';
import type { Prng } from '@kimberlite/vsr';
import type { Recorder } from './recorder.ts';

const utf8 = new TextEncoder();

export const NAMESPACE = 'test';
/** Where every client puts values of its own, which nobody touches until the end. */
export const LEDGER = 'ledger';
export const KEYS: readonly string[] = ['k0', 'k1', 'k2', 'k3', 'k4'];
/** Milliseconds after which a call gives up: below a slow failover, so that some do. */
const CALL_MILLIS = 2_000;

const namespace = utf8.encode(NAMESPACE);
const ledger = utf8.encode(LEDGER);

/** Errors that a fault of the cluster may cause; any other is a fault of the product. */
const EXPECTED: readonly ClientErrorCode[] = ['timeout', 'unreachable', 'no_quorum'];

/** One call with what it is in the history. */
interface Attempt {
  readonly call: Call;
  readonly perform: () => Promise<Result>;
}

export interface HistoryClientOptions {
  readonly index: number;
  readonly endpoints: readonly string[];
  readonly prng: Prng;
  readonly recorder: Recorder;
}

/** A client with one call at a time, drawn at random, and everything about it on record. */
export class HistoryClient {
  readonly #index: number;
  readonly #client: Client;
  readonly #prng: Prng;
  readonly #recorder: Recorder;
  /** Last seen revision and value by key; null: it was absent. */
  readonly #seen: Map<string, { readonly revision: number; readonly value: string } | null>;
  #turn: number;

  constructor(options: HistoryClientOptions) {
    this.#index = options.index;
    this.#client = new Client({ endpoints: options.endpoints, requestTimeout: CALL_MILLIS });
    this.#prng = options.prng;
    this.#recorder = options.recorder;
    this.#seen = new Map();
    this.#turn = 0;
  }

  /** Calls until it is told to stop. Rejects at what no fault of the cluster explains. */
  async work(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) await this.#attempt(this.#draw());
  }

  /** Reads every key, alone and all together. */
  async readAll(): Promise<void> {
    for (const key of KEYS) await this.#attempt(this.#get(key));
    await this.#attempt(this.#range());
  }

  /** Key, value and revision of every entry of the ledger. */
  async readLedger(): Promise<Map<string, { readonly value: string; readonly revision: number }>> {
    const found = new Map<string, { readonly value: string; readonly revision: number }>();
    for await (const entry of this.#client.scan({ prefix: '' }, { namespace: LEDGER })) {
      const value = Buffer.from(entry.value ?? []).toString();
      found.set(Buffer.from(entry.key).toString(), { value, revision: entry.modRevision });
    }
    return found;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #attempt({ call, perform }: Attempt): Promise<void> {
    const open = this.#recorder.begin(this.#index, call);
    try {
      this.#recorder.answer(open, await perform());
    } catch (error) {
      if (!(error instanceof ClientError) || !EXPECTED.includes(error.code)) throw error;
      if (error.definite) this.#recorder.refuse(open);
      else this.#recorder.lose(open);
    }
  }

  #draw(): Attempt {
    const prng = this.#prng;
    const key = prng.pick(KEYS);
    const value = `${this.#index}.${this.#turn}`;
    this.#turn += 1;
    const share = prng.below(100);
    if (share < 28) return this.#get(key);
    if (share < 38) return this.#range();
    if (share < 54) return this.#put(key, value);
    if (share < 60) return this.#delete(key);
    if (share < 75) return this.#swap(key, value);
    if (share < 90) return this.#txn(key, value);
    return this.#note(value);
  }

  /** Linearizable reads may be asked of any replica. */
  #preference(): 'primary' | 'nearest' {
    return this.#prng.pick(['primary', 'nearest'] as const);
  }

  #get(key: string): Attempt {
    const prefer = this.#preference();
    return {
      call: { kind: 'get', namespace, key: utf8.encode(key), bytesMax: BYTES_DEFAULT },
      perform: async (): Promise<Result> => {
        const record = await this.#client.get(key, { namespace: NAMESPACE, prefer });
        this.#see(key, record);
        return { kind: 'get', record };
      },
    };
  }

  #range(): Attempt {
    const prefer = this.#preference();
    const bounds = { from: utf8.encode('k'), to: utf8.encode('l') };
    const limit = KEYS.length + 1;
    return {
      call: {
        kind: 'range',
        namespace,
        ...bounds,
        limit,
        keysOnly: false,
        bytesMax: BYTES_DEFAULT,
      },
      perform: async (): Promise<Result> => {
        const page = await this.#client.range(
          { prefix: 'k', limit },
          { namespace: NAMESPACE, prefer },
        );
        return { kind: 'range', entries: page.entries, more: page.more, reached: null };
      },
    };
  }

  #put(key: string, value: string): Attempt {
    return {
      call: { namespace, ...putOf(key, value) },
      perform: async (): Promise<Result> => {
        const { revision, previous } = await this.#client.put(key, value, { namespace: NAMESPACE });
        return { kind: 'put', revision, previous };
      },
    };
  }

  #note(value: string): Attempt {
    return {
      call: { ...putOf(value, value), namespace: ledger },
      perform: async (): Promise<Result> => {
        const { revision, previous } = await this.#client.put(value, value, { namespace: LEDGER });
        return { kind: 'put', revision, previous };
      },
    };
  }

  #delete(key: string): Attempt {
    return {
      call: { kind: 'delete', namespace, keys: [utf8.encode(key)] },
      perform: async (): Promise<Result> => {
        const { revision, deleted } = await this.#client.delete(key, { namespace: NAMESPACE });
        return { kind: 'delete', revision, deleted };
      },
    };
  }

  /** By revision or by value, of what was last seen of the key, so that some win and some lose. */
  #swap(key: string, value: string): Attempt {
    const seen = this.#seen.get(key) ?? null;
    const byValue = this.#prng.chance(0.5);
    const expected: Expectation =
      seen === null ? null : byValue ? seen.value : { modRevision: seen.revision };
    const target = utf8.encode(key);
    const compare: Compare =
      seen === null
        ? { target: 'absent', key: target }
        : byValue
          ? { target: 'value', key: target, relation: 'equal', value: utf8.encode(seen.value) }
          : { target: 'modRevision', key: target, relation: 'equal', operand: seen.revision };
    return {
      call: {
        kind: 'txn',
        namespace,
        compares: [compare],
        then: [putOf(key, value)],
        else: [{ kind: 'get', key: target, bytesMax: BYTES_DEFAULT }],
      },
      perform: async (): Promise<Result> => {
        const change = { expected, value };
        const outcome = await this.#client.compareAndSwap(key, change, { namespace: NAMESPACE });
        const { succeeded, revision, current } = outcome;
        if (!succeeded) this.#see(key, current);
        const result: Result =
          succeeded && revision !== null
            ? { kind: 'put', revision, previous: null }
            : { kind: 'get', record: current };
        return { kind: 'txn', succeeded, revision, results: [result] };
      },
    };
  }

  /** On two keys: puts both, or moves one onto the other, or reads both when a compare fails. */
  #txn(key: string, value: string): Attempt {
    const other = this.#prng.pick(KEYS.filter((name) => name !== key));
    const target = this.#prng.chance(0.6) ? 'exists' : 'absent';
    const moves = this.#prng.chance(0.3);
    const reads = [key, other].map((name) => ({ kind: 'get' as const, key: name }));
    const compares: readonly TxnCompare[] = [{ key, target }];
    const put = { kind: 'put' as const, key: other, value };
    return {
      call: {
        kind: 'txn',
        namespace,
        compares: [{ key: utf8.encode(key), target }],
        then: [
          moves ? { kind: 'delete', keys: [utf8.encode(key)] } : putOf(key, value),
          putOf(other, value),
        ],
        else: reads.map((read) => {
          return { kind: 'get', key: utf8.encode(read.key), bytesMax: BYTES_DEFAULT };
        }),
      },
      perform: async (): Promise<Result> => {
        const first = moves ? { kind: 'delete' as const, key } : { ...put, key };
        const outcome = await this.#client.txn(
          { compares, then: [first, put], else: reads },
          { namespace: NAMESPACE },
        );
        return { kind: 'txn', ...outcome };
      },
    };
  }

  #see(
    key: string,
    record: { readonly modRevision: number; readonly value: Uint8Array | null } | null,
  ): void {
    const seen =
      record === null
        ? null
        : { revision: record.modRevision, value: Buffer.from(record.value ?? []).toString() };
    this.#seen.set(key, seen);
  }
}

function putOf(
  key: string,
  value: string,
): {
  readonly kind: 'put';
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly previousBytesMax: null;
} {
  const put = { key: utf8.encode(key), value: utf8.encode(value) };
  return { kind: 'put', ...put, previousBytesMax: null };
}
