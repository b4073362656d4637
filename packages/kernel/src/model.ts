import { sha256, unreachable } from '@kimberlite/store';
import type { Call, Compare, KeyOperation, Relation } from './codec/call.ts';
import type { KeyEntry, KeyOperationResult, KeyRecord, Result } from './codec/result.ts';
import { modelFault } from './model-fault.ts';
import {
  byCodeUnits,
  ModelHistory,
  type ModelKey,
  nameOf,
  rangeAtOf,
  shown as shownKey,
} from './model-history.ts';

/**
 * What the kernel must do, said in the plainest way: maps, lists, one call at a time. It shares
 * with the kernel only the types of calls and results and the limits, so that a mistake would have
 * to be made twice. Checkers compare the replies of a cluster with it.
 */
export class KernelModel {
  /** The last revision taken. */
  revision: number;
  private readonly namespaces: Map<string, Namespace>;
  private readonly bytesMax: number;
  private history: ModelHistory;

  /**
   * `bytesMax` is what the state may take, 0 without a limit; `kept` how many revisions behind the
   * newest can be read.
   */
  constructor(bytesMax = 0, kept = 0) {
    this.bytesMax = bytesMax;
    this.history = new ModelHistory(kept);
    this.revision = 0;
    this.namespaces = new Map();
  }

  /** The answers to the calls of one request, and what they do. */
  answer(calls: readonly Call[]): Result[] {
    const results = calls.map((call) => this.one(call));
    this.history.endRequest(this.revision);
    return results;
  }

  /** The answer to a request of one call, and what it does. */
  apply(call: Call): Result {
    const result = this.one(call);
    this.history.endRequest(this.revision);
    return result;
  }

  /** The lowest revision that can be read. */
  get watermark(): number {
    return this.history.lowest(this.revision);
  }

  private one(call: Call): Result {
    const fault = modelFault(call);
    if (fault !== null) return { kind: 'refused', reason: fault, actual: null };
    if (this.bytesMax > 0 && this.overflows(call)) {
      return { kind: 'refused', reason: 'no_space', actual: null };
    }
    if (call.kind === 'getAt' || call.kind === 'rangeAt' || call.kind === 'compact') {
      return this.ofRevision(call);
    }
    const before = this.revision;
    const namespace = this.namespace(call.namespace);
    namespace.deleted.clear();
    const result = applyCall(call, namespace, before + 1);
    if ('revision' in result && result.revision !== null) {
      this.revision = before + 1;
      const keys = new Map([...this.namespaces].map(([name, own]) => [name, own.keys]));
      const deleted = { namespace: nameOf(call.namespace), keys: namespace.deleted };
      this.history.take(this.revision, keys, deleted);
    }
    return result;
  }

  private ofRevision(call: RevisionCall): Result {
    if (call.revision > this.revision) {
      return { kind: 'refused', reason: 'future_revision', actual: this.revision };
    }
    if (call.kind === 'compact') {
      this.history.compact(call.revision);
      return { kind: 'compact', watermark: this.watermark };
    }
    if (call.revision < this.watermark) {
      return { kind: 'refused', reason: 'compacted', actual: this.watermark };
    }
    const name = nameOf(call.namespace);
    const now = this.namespace(call.namespace).keys;
    const then = call.revision === this.revision ? now : this.history.at(call.revision, name);
    if (call.kind === 'getAt') {
      return { kind: 'get', record: shown(then.get(nameOf(call.key)), call.bytesMax) };
    }
    const deleted = this.history.deleted(name);
    return { kind: 'rangeAt', ...rangeAtOf(call, { now: now.keys(), deleted, then }) };
  }

  /** A model in the same state that goes its own way from here. */
  copy(): KernelModel {
    const copied = new KernelModel(this.bytesMax, this.history.kept);
    copied.revision = this.revision;
    copied.history = this.history.copy();
    for (const [name, { keys, streams }] of this.namespaces) {
      const own = new Map<string, ModelStream>();
      for (const [stream, { events, chains }] of streams) {
        own.set(stream, { events: [...events], chains: [...chains] });
      }
      copied.namespaces.set(name, { keys: new Map(keys), streams: own, deleted: new Set() });
    }
    return copied;
  }

  /** The same text for models in equal states, and only for those, where no history is kept. */
  digest(): string {
    const parts = [String(this.revision)];
    for (const [name, { keys, streams }] of sortedEntries(this.namespaces)) {
      for (const [key, { value, create, mod, version }] of sortedEntries(keys)) {
        parts.push(JSON.stringify(['key', name, key, create, mod, version, nameOf(value)]));
      }
      for (const [stream, { chains }] of sortedEntries(streams)) {
        const chain = nameOf(chainAt(chains, chains.length - 1));
        parts.push(JSON.stringify(['stream', name, stream, chains.length, chain]));
      }
    }
    return parts.join(' ');
  }

  /** Events in a stream; null when there is none of that name. */
  streamLength(namespace: Uint8Array, stream: Uint8Array): number | null {
    return this.namespace(namespace).streams.get(nameOf(stream))?.events.length ?? null;
  }

  /** Done to a copy, the call makes the state larger, and then too large. */
  private overflows(call: Call): boolean {
    if (call.kind === 'getAt' || call.kind === 'rangeAt' || call.kind === 'compact') return false;
    const after = this.copy();
    applyCall(call, after.namespace(call.namespace), this.revision + 1);
    const size = after.size();
    return size > this.size() && size > this.bytesMax;
  }

  /** What docs/kernel.md says that a quota counts, all of it added up. */
  private size(): number {
    let sum = 0;
    for (const [name, { keys, streams }] of this.namespaces) {
      for (const [key, { value }] of keys) sum += name.length + key.length + stored(value) + 64;
      for (const [stream, { events }] of streams) {
        sum += name.length + stream.length + 128;
        for (const event of events) sum += name.length + stream.length + stored(event) + 96;
      }
    }
    return sum;
  }

  private namespace(bytes: Uint8Array): Namespace {
    const name = nameOf(bytes);
    const known = this.namespaces.get(name);
    if (known !== undefined) return known;
    const made: Namespace = { keys: new Map(), streams: new Map(), deleted: new Set() };
    this.namespaces.set(name, made);
    return made;
  }
}

interface ModelStream {
  readonly events: Uint8Array[];
  /** `chains[n]` is the chain after n events. */
  readonly chains: Uint8Array[];
}

interface Namespace {
  readonly keys: Map<string, ModelKey>;
  readonly streams: Map<string, ModelStream>;
  /** Keys that the last call has deleted. */
  readonly deleted: Set<string>;
}

/** Bytes that count for a value: long ones lie in blocks of their own. */
function stored({ length }: Uint8Array): number {
  let counted = 0;
  for (let left = length > 4060 ? length + 32 : 0; left > 0; left -= 16_384) counted += 16_416;
  return length > 4060 ? counted : length;
}

type RevisionCall = Extract<Call, { readonly kind: 'getAt' | 'rangeAt' | 'compact' }>;

function sortedEntries<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([first], [other]) => byCodeUnits(first, other));
}

function applyCall(
  call: Exclude<Call, RevisionCall>,
  namespace: Namespace,
  revision: number,
): Result {
  switch (call.kind) {
    case 'put':
    case 'get':
    case 'delete':
    case 'range':
      return applyOperation(call, namespace, revision);
    case 'txn': {
      const succeeded = call.compares.every((compare) => holds(compare, namespace.keys));
      if (!succeeded && call.else.length === 0) {
        return { kind: 'refused', reason: 'compare_failed', actual: null };
      }
      const results: KeyOperationResult[] = [];
      let taken: number | null = null;
      for (const operation of succeeded ? call.then : call.else) {
        const result = applyOperation(operation, namespace, revision);
        if ('revision' in result && result.revision !== null) taken = revision;
        results.push(result);
      }
      return { kind: 'txn', succeeded, revision: taken, results };
    }
    default:
      return applyStream(call, namespace.streams, revision);
  }
}

function applyOperation(
  operation: KeyOperation,
  { keys, deleted }: Namespace,
  revision: number,
): KeyOperationResult {
  switch (operation.kind) {
    case 'put': {
      const name = nameOf(operation.key);
      const old = keys.get(name) ?? null;
      keys.set(name, {
        bytes: operation.key.slice(),
        value: operation.value.slice(),
        create: old === null ? revision : old.create,
        mod: revision,
        version: old === null ? 1 : old.version + 1,
      });
      const most = operation.previousBytesMax;
      return { kind: 'put', revision, previous: most === null ? null : shown(old, most) };
    }
    case 'get':
      return { kind: 'get', record: shown(keys.get(nameOf(operation.key)), operation.bytesMax) };
    case 'delete': {
      let count = 0;
      for (const key of operation.keys) {
        if (!keys.delete(nameOf(key))) continue;
        deleted.add(nameOf(key));
        count += 1;
      }
      return { kind: 'delete', revision: count > 0 ? revision : null, deleted: count };
    }
    case 'range': {
      const from = nameOf(operation.from);
      const to = operation.to === null ? null : nameOf(operation.to);
      const inside = [...keys.keys()].filter((name) => name >= from && (to === null || name < to));
      const found = inside.sort(byCodeUnits).flatMap((name) => keys.get(name) ?? []);
      return rangeOf(found, operation);
    }
    default:
      return unreachable(operation);
  }
}

function rangeOf(
  found: readonly ModelKey[],
  asked: { readonly limit: number; readonly keysOnly: boolean; readonly bytesMax: number },
): KeyOperationResult {
  const entries: KeyEntry[] = [];
  let used = 0;
  for (const key of found) {
    if (entries.length === asked.limit) break;
    const bare = 31 + key.bytes.length;
    let value = asked.keysOnly ? null : key.value;
    if (value !== null && entries.length === 0 && bare + value.length > asked.bytesMax) {
      value = null;
    }
    const size = bare + (value === null ? 0 : value.length);
    if (used + size > asked.bytesMax) break;
    used += size;
    entries.push({
      key: key.bytes,
      value,
      valueSize: key.value.length,
      createRevision: key.create,
      modRevision: key.mod,
      version: key.version,
    });
  }
  return { kind: 'range', entries, more: entries.length < found.length, reached: null };
}

function shown(key: ModelKey | null | undefined, bytesMax: number): KeyRecord | null {
  return key === null || key === undefined ? null : shownKey(key, bytesMax);
}

function holds(compare: Compare, keys: ReadonlyMap<string, ModelKey>): boolean {
  const key = keys.get(nameOf(compare.key)) ?? null;
  switch (compare.target) {
    case 'exists':
      return key !== null;
    case 'absent':
      return key === null;
    case 'value':
      return key !== null && related(nameOf(key.value), compare.relation, nameOf(compare.value));
    case 'createRevision':
      return related(key?.create ?? 0, compare.relation, compare.operand);
    case 'modRevision':
      return related(key?.mod ?? 0, compare.relation, compare.operand);
    case 'version':
      return related(key?.version ?? 0, compare.relation, compare.operand);
    default:
      return unreachable(compare);
  }
}

function related<T extends number | string>(actual: T, relation: Relation, operand: T): boolean {
  if (relation === 'equal') return actual === operand;
  if (relation === 'notEqual') return actual !== operand;
  return relation === 'greater' ? actual > operand : actual < operand;
}

type StreamCall = Extract<Call, { readonly stream: Uint8Array }>;

function applyStream(
  call: StreamCall,
  streams: Map<string, ModelStream>,
  revision: number,
): Result {
  const name = nameOf(call.stream);
  const stream = streams.get(name) ?? null;
  if (call.kind === 'streamCreate') {
    if (stream !== null) return { kind: 'refused', reason: 'stream_exists', actual: null };
    streams.set(name, { events: [], chains: [new Uint8Array(32)] });
    return { kind: 'streamCreate', revision };
  }
  if (stream === null) return { kind: 'refused', reason: 'unknown_stream', actual: null };
  const { events, chains } = stream;
  const length = events.length;
  switch (call.kind) {
    case 'streamAppend': {
      if (call.expectedOffset !== null && call.expectedOffset !== length) {
        return { kind: 'refused', reason: 'wrong_offset', actual: length };
      }
      for (const event of call.events) append(stream, event);
      const chain = chainAt(chains, events.length);
      return { kind: 'streamAppend', revision, offset: length, length: events.length, chain };
    }
    case 'streamRead': {
      const { offset } = call;
      if (offset > length) return { kind: 'refused', reason: 'wrong_offset', actual: length };
      const read: Uint8Array[] = [];
      let used = 0;
      for (const event of events.slice(offset, offset + call.limit)) {
        used += 4 + event.length;
        if (used > call.bytesMax) break;
        read.push(event);
      }
      const more = offset + read.length !== length;
      return { kind: 'streamRead', events: read, more, length, chain: chainAt(chains, offset) };
    }
    case 'streamLength':
      return { kind: 'streamLength', length, chain: chainAt(chains, length) };
    default:
      return unreachable(call);
  }
}

function append(stream: ModelStream, event: Uint8Array): void {
  const offset = stream.events.length;
  const place: number[] = [];
  for (let rest = offset; place.length < 8; rest = Math.floor(rest / 256)) place.push(rest % 256);
  const hashed = sha256(Uint8Array.from([...chainAt(stream.chains, offset), ...place, ...event]));
  stream.events.push(event.slice());
  stream.chains.push(hashed);
}

function chainAt(chains: readonly Uint8Array[], offset: number): Uint8Array {
  return chains[offset] ?? new Uint8Array(32);
}
