import { unreachable } from '@kimberlite/store';
import type { Prng } from '@kimberlite/vsr';
import { prefixRange } from './codec/bytes.ts';
import type { Call, Compare, KeyOperation, Relation } from './codec/call.ts';
import { callSize } from './codec/encode-calls.ts';
import {
  BYTES_MAX,
  DELETE_KEYS_MAX,
  EVENTS_MAX,
  KEY_MAX,
  LIST_HEADER_SIZE,
  NAMESPACE_MAX,
  RANGE_LIMIT_MAX,
  STREAM_NAME_MAX,
  TXN_OPERATIONS_MAX,
  VALUE_MAX,
} from './codec/limits.ts';
import { isReadCall } from './codec/read-call.ts';
import { callReplyLimit } from './codec/reply-limit.ts';
import { weighCalls } from './codec/request-weight.ts';

/** All there are; bundles of a simulator are checked against them. */
export const KEY_ORDERS = [
  /** Any of them, all alike. */
  'uniform',
  /** Four times of five one of the first fifth, else any. */
  'hotspot',
  /** One after the other as revisions grow, and round again at the end. */
  'sequential',
  /** Any of them, all alike, but four times of five in one namespace. */
  'hot_namespace',
] as const;

/** Which keys calls name, of those that there are. */
export type KeyOrder = (typeof KEY_ORDERS)[number];

/** What random calls are like. All sizes in bytes. */
export interface WorkloadOptions {
  /** Namespaces, keys in each, streams in each: at least 1, at most 200. Few collide often. */
  readonly namespaces: number;
  readonly keys: number;
  readonly streams: number;
  readonly keyOrder: KeyOrder;
  /** Values and events of polite calls, at most. */
  readonly valueMax: number;
  /** `bytesMax` of polite calls, at most. */
  readonly bytesMax: number;
  /** Share of calls that break a limit or sit on a boundary, in [0, 1]. */
  readonly impolite: number;
  /** Encoded size of a call, and its reply limit, at most; at least 128 and 64. */
  readonly callSizeMax: number;
  readonly replySizeMax: number;
}

/** Sizes of a simulation: prepares of 4 KiB. */
export const WORKLOAD_DEFAULT: WorkloadOptions = {
  namespaces: 2,
  keys: 20,
  streams: 3,
  keyOrder: 'uniform',
  valueMax: 64,
  bytesMax: 512,
  impolite: 0.1,
  callSizeMax: 1024,
  replySizeMax: 1024,
};

/** Every limit of the kernel within reach; for tests without a cluster below them. */
export const WORKLOAD_LARGE: WorkloadOptions = {
  ...WORKLOAD_DEFAULT,
  impolite: 0.3,
  bytesMax: BYTES_MAX,
  callSizeMax: 256 * 1024,
  replySizeMax: 64 * 1024,
};

/** What is known of the state, to draw revisions and offsets that may be right. */
export interface WorkloadHints {
  /** About the last revision taken. */
  readonly revision: number;
  /** About the lowest revision that can be read. */
  readonly watermark: number;
  /** About the length of a stream; null when it is unknown. */
  streamLength(namespace: Uint8Array, stream: Uint8Array): number | null;
}

/** Knows nothing. */
export const NO_HINTS: WorkloadHints = { revision: 8, watermark: 4, streamLength: () => null };

/**
 * A call of any kind: on keys that are there and that are not, the same key twice, empty ranges,
 * wrong offsets, compares that fail, limits and just above. Always encodable.
 */
export function randomCall(
  prng: Prng,
  options: WorkloadOptions,
  hints: WorkloadHints = NO_HINTS,
): Call {
  const draw: Draw = { prng, options, hints };
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const call = drawCall(draw);
    if (callSize(call) > options.callSizeMax) continue;
    if (callReplyLimit(call) <= options.replySizeMax) return call;
  }
  // What was drawn is too large for these options again and again: something small instead.
  const namespace = smallName(prng, 'n', options.namespaces);
  return { kind: 'get', namespace, key: smallName(prng, 'k', options.keys), bytesMax: 0 };
}

/** Calls for one request, at most `count` (at least 1), that fit the options' sizes together. */
export function randomCalls(
  prng: Prng,
  options: WorkloadOptions & { readonly count: number },
  hints: WorkloadHints = NO_HINTS,
): Call[] {
  const first = randomCall(prng, options, hints);
  const calls = [first];
  let size = LIST_HEADER_SIZE + callSize(first);
  let reply = LIST_HEADER_SIZE + callReplyLimit(first);
  for (let left = prng.below(options.count); left > 0; left -= 1) {
    const call = randomCall(prng, options, hints);
    if (!weighCalls([...calls, call]).sharable) continue;
    size += callSize(call);
    reply += callReplyLimit(call);
    if (size > options.callSizeMax || reply > options.replySizeMax) break;
    calls.push(call);
  }
  return calls;
}

/** Like `randomCalls`, but of calls that only read. */
export function randomReads(
  prng: Prng,
  options: WorkloadOptions & { readonly count: number },
  hints: WorkloadHints = NO_HINTS,
): Call[] {
  const reads: Call[] = [];
  let reply = LIST_HEADER_SIZE;
  for (let left = prng.below(options.count) + 1; left > 0; left -= 1) {
    const call = randomRead(prng, options, hints);
    if (!weighCalls([...reads, call]).sharable) continue;
    reply += callReplyLimit(call);
    if (reply > options.replySizeMax + LIST_HEADER_SIZE && reads.length > 0) break;
    reads.push(call);
  }
  return reads;
}

function randomRead(prng: Prng, options: WorkloadOptions, hints: WorkloadHints): Call {
  for (let attempt = 0; attempt < 16; attempt += 1) {
    const call = randomCall(prng, options, hints);
    if (isReadCall(call)) return call;
  }
  const namespace = smallName(prng, 'n', options.namespaces);
  return { kind: 'get', namespace, key: smallName(prng, 'k', options.keys), bytesMax: 0 };
}

/**
 * Calls that share a request in the one case and may not in the other: a range at a revision beside
 * a change, or as many rows as a request may look at, and one more. About 1 KiB at most.
 */
export function randomEdge(prng: Prng): Call[] {
  const namespace = smallName(prng, 'n', 2);
  const key = smallName(prng, 'k', 2);
  const get: Call = { kind: 'get', namespace, key, bytesMax: 0 };
  const range = { ...EVERYTHING, namespace };
  if (prng.chance(0.5)) {
    const put: Call = { kind: 'put', namespace, key, value: EMPTY, previousBytesMax: null };
    return [{ ...range, kind: 'rangeAt', revision: 0 }, prng.chance(0.5) ? put : get];
  }
  const gets = list(2 + prng.below(2), () => get);
  const remove: Call = { kind: 'delete', namespace, keys: list(64, () => key) };
  return [remove, ...list(62, () => range), ...gets];
}

interface Draw {
  readonly prng: Prng;
  readonly options: WorkloadOptions;
  readonly hints: WorkloadHints;
}

function drawCall(draw: Draw): Call {
  const { prng } = draw;
  const namespace = rude(draw, 0.1)
    ? prng.pick([EMPTY, filled(NAMESPACE_MAX), filled(NAMESPACE_MAX + 1)])
    : namespaceInOrder(draw);
  const kind = prng.below(100);
  if (kind < 54) return { ...drawOperation(draw), namespace };
  if (kind < 62) return drawRevisionCall(draw, namespace);
  if (kind < 80) return drawTxn(draw, namespace);
  return drawStreamCall(draw, namespace);
}

/** Mostly of what can be read; the edges and what lies beyond them now and then. */
function drawRevisionCall(draw: Draw, namespace: Uint8Array): Call {
  const { prng, hints } = draw;
  const { revision: newest, watermark } = hints;
  const kind = prng.below(16);
  const span = Math.max(1, newest - watermark + 1);
  let revision = watermark + prng.below(span);
  if (prng.chance(0.2)) revision = around(prng, prng.pick([watermark, newest]), 2);
  if (rude(draw, 0.2)) revision = prng.pick([0, Number.MAX_SAFE_INTEGER]);
  // Compacting as far as what is read would leave little to read.
  if (kind === 0)
    return { kind: 'compact', namespace, revision: Math.min(revision, watermark + 5) };
  if (kind < 9) return { ...drawGet(draw), kind: 'getAt', namespace, revision };
  const bounds = drawBounds(draw);
  const limit = limited(draw, 8, RANGE_LIMIT_MAX);
  const range = { ...bounds, limit, keysOnly: prng.chance(0.2), bytesMax: drawBytes(draw) };
  return { kind: 'rangeAt', namespace, ...range, revision };
}

function drawTxn(draw: Draw, namespace: Uint8Array): Call {
  const { prng } = draw;
  const compares = list(prng.below(4), () => drawCompare(draw));
  const then = list(prng.below(4), () => drawOperation(draw));
  const otherwise = prng.chance(0.5) ? [] : list(prng.below(4), () => drawOperation(draw));
  if (rude(draw, 0.1)) {
    const tooMany = list(TXN_OPERATIONS_MAX + prng.below(2), () => drawGet(draw));
    return { kind: 'txn', namespace, compares, then: tooMany, else: otherwise };
  }
  if (rude(draw, 0.1)) {
    // As many rows as a request may look at, or one more: 2 or 3, 64, and 62 times 1 + 64.
    const key = drawKey(draw);
    const looks = list(2 + prng.below(2), (): Compare => ({ target: 'absent', key }));
    const remove: KeyOperation = { kind: 'delete', keys: list(64, () => key) };
    const branch = [remove, ...list(62, () => EVERYTHING)];
    return { kind: 'txn', namespace, compares: looks, then: branch, else: [] };
  }
  return { kind: 'txn', namespace, compares, then, else: otherwise };
}

function drawStreamCall(draw: Draw, namespace: Uint8Array): Call {
  const { prng, options, hints } = draw;
  const stream = rude(draw, 0.1)
    ? prng.pick([EMPTY, filled(STREAM_NAME_MAX), filled(STREAM_NAME_MAX + 1)])
    : smallName(prng, 's', options.streams);
  const length = hints.streamLength(namespace, stream) ?? prng.below(8);
  switch (prng.below(8)) {
    case 0:
      return { kind: 'streamCreate', namespace, stream };
    case 1:
      return { kind: 'streamLength', namespace, stream };
    case 2:
    case 3:
    case 4: {
      const offset = rude(draw, 0.1) ? Number.MAX_SAFE_INTEGER : around(prng, length, length);
      const limit = limited(draw, 8, EVENTS_MAX);
      return { kind: 'streamRead', namespace, stream, offset, limit, bytesMax: drawBytes(draw) };
    }
    default: {
      const count = rude(draw, 0.2)
        ? prng.pick([0, EVENTS_MAX, EVENTS_MAX + 1])
        : prng.below(4) + 1;
      const events = list(count, () => (count > 4 ? EMPTY : drawValue(draw)));
      const expectedOffset = prng.chance(0.4) ? null : around(prng, length, 1);
      return { kind: 'streamAppend', namespace, stream, expectedOffset, events };
    }
  }
}

function drawOperation(draw: Draw): KeyOperation {
  const { prng } = draw;
  const kind = prng.below(100);
  if (kind < 45) {
    const previousBytesMax = prng.chance(0.3) ? drawBytes(draw) : null;
    return { kind: 'put', key: drawKey(draw), value: drawValue(draw), previousBytesMax };
  }
  if (kind < 65) return drawGet(draw);
  if (kind < 80) {
    const count = rude(draw, 0.2) ? prng.pick([0, DELETE_KEYS_MAX + prng.below(2)]) : 1;
    const keys = list(count === 1 ? prng.below(3) + 1 : count, () => drawKey(draw));
    return { kind: 'delete', keys };
  }
  const bounds = drawBounds(draw);
  const limit = limited(draw, 8, RANGE_LIMIT_MAX);
  const keysOnly = prng.chance(0.2);
  return { kind: 'range', ...bounds, limit, keysOnly, bytesMax: drawBytes(draw) };
}

function drawGet(draw: Draw): Extract<KeyOperation, { readonly kind: 'get' }> {
  return { kind: 'get', key: drawKey(draw), bytesMax: drawBytes(draw) };
}

function drawBounds(draw: Draw): { readonly from: Uint8Array; readonly to: Uint8Array | null } {
  const { prng } = draw;
  switch (prng.below(4)) {
    case 0:
      return { from: EMPTY, to: null };
    case 1: {
      const key = drawKey(draw);
      return prefixRange(key.subarray(0, prng.below(key.length + 1)));
    }
    case 2:
      return { from: drawKey(draw), to: null };
    default:
      return { from: drawKey(draw), to: prng.chance(0.1) ? EMPTY : drawKey(draw) };
  }
}

const RELATIONS: readonly Relation[] = ['equal', 'notEqual', 'greater', 'less'];

function drawCompare(draw: Draw): Compare {
  const { prng, hints } = draw;
  const key = drawKey(draw);
  const relation = prng.pick(RELATIONS);
  switch (prng.below(6)) {
    case 0:
      return { target: 'exists', key };
    case 1:
      return { target: 'absent', key };
    case 2:
      return { target: 'value', key, relation, value: drawValue(draw) };
    case 3:
      return { target: 'version', key, relation, operand: prng.below(4) };
    default: {
      const target = prng.pick(['createRevision', 'modRevision'] as const);
      const operand = prng.chance(0.2) ? 0 : around(prng, hints.revision, 12);
      return { target, key, relation, operand };
    }
  }
}

function drawKey(draw: Draw): Uint8Array {
  const { prng } = draw;
  if (rude(draw, 0.1)) {
    return prng.pick([EMPTY, Uint8Array.of(0), HIGHEST, filled(KEY_MAX), filled(KEY_MAX + 1)]);
  }
  return keyInOrder(draw);
}

const HOT_PROBABILITY = 0.8;
/** One key of so many is hot. */
const HOT_SHARE = 5;

function namespaceInOrder({ prng, options }: Draw): Uint8Array {
  const { namespaces, keyOrder } = options;
  const hot = keyOrder === 'hot_namespace' && prng.chance(HOT_PROBABILITY);
  return smallName(prng, 'n', hot ? 1 : namespaces);
}

function keyInOrder({ prng, options, hints }: Draw): Uint8Array {
  const { keys, keyOrder } = options;
  switch (keyOrder) {
    case 'uniform':
    case 'hot_namespace':
      return smallName(prng, 'k', keys);
    case 'hotspot': {
      const hot = Math.max(1, Math.floor(keys / HOT_SHARE));
      return smallName(prng, 'k', prng.chance(HOT_PROBABILITY) ? hot : keys);
    }
    case 'sequential':
      // A little around the newest, so that what was just written is read and deleted too.
      return nameAt('k', (hints.revision + prng.below(4)) % keys);
    default:
      return unreachable(keyOrder);
  }
}

/** Few different ones, so that compares on values sometimes hold. */
function drawValue(draw: Draw): Uint8Array {
  const { prng, options } = draw;
  if (rude(draw, 0.1)) return new Uint8Array(VALUE_MAX + prng.below(2));
  const size = prng.chance(0.5) ? 1 : prng.between(0, options.valueMax);
  return new Uint8Array(size).fill(prng.below(4));
}

function drawBytes(draw: Draw): number {
  const { prng, options } = draw;
  if (rude(draw, 0.1)) return prng.pick([0, VALUE_MAX, BYTES_MAX, BYTES_MAX + 1, 0xffffffff]);
  return prng.chance(0.2) ? prng.below(64) : prng.between(0, options.bytesMax);
}

function limited(draw: Draw, polite: number, most: number): number {
  return rude(draw, 0.2) ? draw.prng.pick([0, most, most + 1]) : draw.prng.between(1, polite);
}

/** Whether to be impolite here; `share` spreads it over the parts of a call. */
function rude(draw: Draw, share: number): boolean {
  return draw.prng.chance(draw.options.impolite * share);
}

/** Near a number, never negative. */
function around(prng: Prng, middle: number, distance: number): number {
  return Math.max(0, middle - distance + prng.below(2 * distance + 1));
}

function list<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

const EMPTY = new Uint8Array(0);
/** Looks at one row. */
const EVERYTHING: Extract<KeyOperation, { readonly kind: 'range' }> = {
  kind: 'range',
  from: EMPTY,
  to: null,
  limit: 1,
  keysOnly: true,
  bytesMax: 0,
};
const HIGHEST = Uint8Array.of(0xff, 0xff);

function filled(size: number): Uint8Array {
  return new Uint8Array(size).fill(0xff);
}

/** A letter and one byte; some are prefixes of others. */
function smallName(prng: Prng, letter: 'k' | 'n' | 's', count: number): Uint8Array {
  return nameAt(letter, prng.below(count));
}

function nameAt(letter: 'k' | 'n' | 's', index: number): Uint8Array {
  const code = letter.charCodeAt(0);
  return index === 0 ? Uint8Array.of(code) : Uint8Array.of(code, index);
}
