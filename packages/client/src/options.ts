import { BATCH_ENTRY_SIZE, HEADER_SIZE } from '@kimberlite/vsr';
import { checkObject, optionsShape, type Shape, shown } from './arguments.ts';
import { invalidArgument } from './errors.ts';

/** How a client reaches its cluster. */
export interface ClientOptions {
  /**
   * `host:port` of the client port of every replica (a reply comes on the connection to the
   * primary, so each must be named). IPv6 addresses in brackets.
   */
  readonly endpoints: readonly string[];
  /** Refuse replicas of any other cluster. Left out: whatever cluster answers first. */
  readonly cluster?: bigint;
  /** Milliseconds that a small write may take when it does not say; default 5,000. */
  readonly requestTimeout?: number;
  /**
   * The same for a write of more than 16 KiB, which is on its way for longer; default 15,000, or
   * `requestTimeout` where that is given.
   */
  readonly batchTimeout?: number;
  /** The same for a read; default 5,000, or `requestTimeout` where that is given. */
  readonly readTimeout?: number;
  /** Namespace of calls that do not say; default `default`. */
  readonly namespace?: string | Uint8Array;
  /** Sessions, each with one request in flight: 1 to 4, default 4. */
  readonly lanes?: number;
  /**
   * Calls that may wait to be sent; default 100,000. More are refused with `queue_full`. Writes and
   * the reads of each level are counted apart.
   */
  readonly queueCallsMax?: number;
  /** Bytes of calls that may wait to be sent, counted likewise; default 64 MiB. */
  readonly queueBytesMax?: number;
}

/** What every call takes. */
export interface CallOptions {
  /** Gives the call up; the error says whether it may have happened. */
  readonly signal?: AbortSignal;
  /** Milliseconds until the call ends in any case, above zero. */
  readonly timeout?: number;
  /** The tenant; namespaces cannot see each other. */
  readonly namespace?: string | Uint8Array;
}

/** Where the client port of a replica is. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** As given. */
  readonly name: string;
}

export interface ClientSettings {
  readonly endpoints: readonly Endpoint[];
  readonly cluster: bigint | null;
  readonly timeouts: Timeouts;
  readonly lanes: number;
  readonly queueCallsMax: number;
  readonly queueBytesMax: number;
}

/** Milliseconds that a call may take which does not say, by its kind. */
export interface Timeouts {
  readonly write: number;
  readonly batch: number;
  readonly read: number;
}

export const LANES_MAX = 4;
/** Milliseconds that a small write or a read may take where nobody says. */
export const REQUEST_TIMEOUT_DEFAULT = 5_000;
const BATCH_TIMEOUT_DEFAULT = 15_000;
/** Bytes above which a write is a batch. */
export const BATCH_SIZE_MIN: number = 16 * 1024;
/** The namespace of calls, where nobody says. */
export const NAMESPACE_DEFAULT = 'default';
const CLIENT_OPTIONS: Shape<ClientOptions> = optionsShape('a client', {
  endpoints: true,
  cluster: true,
  requestTimeout: true,
  batchTimeout: true,
  readTimeout: true,
  namespace: true,
  lanes: true,
  queueCallsMax: true,
  queueBytesMax: true,
});
/** The fields of `CallOptions`, for the shapes of all that extend it. */
export const CALL_FIELDS: Shape<CallOptions>['fields'] = {
  signal: true,
  timeout: true,
  namespace: true,
};
/** Bytes that padding may add to a request inside a prepare. */
const PADDING_MAX = 8;
const TIMEOUT_MAX = 24 * 60 * 60 * 1000;

/** Checks the options of a client; throws `invalid_argument`. */
export function clientSettings(options: ClientOptions): ClientSettings {
  checkObject(options, CLIENT_OPTIONS);
  return settingsOf(options);
}

/** The same for options whose names were checked. */
export function settingsOf(options: ClientOptions): ClientSettings {
  const { endpoints, cluster, lanes = LANES_MAX } = options;
  const { queueCallsMax = 100_000, queueBytesMax = 64 * 1024 * 1024 } = options;
  if (typeof endpoints === 'string') {
    throw invalidArgument(`endpoints must be a list of strings, such as ['${String(endpoints)}']`);
  }
  if (!Array.isArray(endpoints) || endpoints.length === 0) {
    throw invalidArgument('at least one endpoint is needed');
  }
  if (cluster !== undefined && (typeof cluster !== 'bigint' || cluster < 1n || cluster >> 128n)) {
    throw invalidArgument('a cluster id is a bigint of 1 to 128 bits');
  }
  return {
    endpoints: [...endpoints].map(parseEndpoint),
    cluster: cluster ?? null,
    timeouts: timeoutsOf(options),
    lanes: count('lanes', lanes, LANES_MAX),
    queueCallsMax: count('queueCallsMax', queueCallsMax),
    queueBytesMax: count('queueBytesMax', queueBytesMax),
  };
}

/** Who sets one time means it for every call, unless another kind is named too. */
function timeoutsOf(options: ClientOptions): Timeouts {
  const { requestTimeout } = options;
  const { batchTimeout = requestTimeout, readTimeout = requestTimeout } = options;
  return {
    write: timeoutOf(requestTimeout, REQUEST_TIMEOUT_DEFAULT),
    batch: timeoutOf(batchTimeout, BATCH_TIMEOUT_DEFAULT),
    read: timeoutOf(readTimeout, REQUEST_TIMEOUT_DEFAULT),
  };
}

/** Milliseconds of a call's timeout; throws `invalid_argument`. */
export function timeoutOf(timeout: number | undefined, otherwise: number): number {
  if (timeout === undefined) return otherwise;
  if (typeof timeout !== 'number' || !(timeout > 0) || timeout > TIMEOUT_MAX) {
    const rule = 'a timeout is a number of milliseconds, above zero and at most a day';
    throw invalidArgument(`${rule}, not ${shown(timeout)}`);
  }
  return timeout;
}

/** Bytes of the largest body of a request, in a cluster whose messages have at most so many. */
export function bodySizeMax(messageSizeMax: number): number {
  return messageSizeMax - HEADER_SIZE - BATCH_ENTRY_SIZE - PADDING_MAX;
}

/** Reads `host:port` or `[address]:port`; throws `invalid_argument`. */
export function parseEndpoint(name: string): Endpoint {
  if (typeof name !== 'string') throw invalidArgument('an endpoint is a string, host:port');
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(name.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw invalidArgument(`'${name}' is not an endpoint; write host:port, such as 127.0.0.1:7100`);
  }
  return { host, port, name: name.trim() };
}

function count(name: string, value: number, most: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw invalidArgument(`${name} is a whole number of 1 to ${most}, not ${shown(value)}`);
}
