import type { Call, KernelModel, KeyOperation, KeyRecord, Result } from '@kimberlite/kernel';
import { revisionTaken } from '@kimberlite/kernel';
import type { HistoryOperation } from './history.ts';

/** A value that a read found, and with it what its revision did. */
interface Seen {
  readonly namespace: Uint8Array;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * What the answers of a history say about its unanswered operations. Without it the search would
 * try every one of them at every revision that no answer names, and find out much later.
 */
export class KernelEvidence {
  /** Revisions that answered operations took. */
  readonly #taken: Set<number>;
  readonly #seen: Map<number, Seen[]>;
  /** Revision of the unanswered calls of which something was read. */
  readonly #found: Map<Call, number>;

  constructor(history: readonly HistoryOperation<Call, Result>[]) {
    this.#taken = new Set();
    this.#seen = new Map();
    this.#found = new Map();
    const writers = new Map<string, Call[]>();
    const revisions = new Map<string, number>();
    for (const { input, output } of history) {
      for (const { namespace, key, value } of putsOf(input)) {
        const name = nameOf(namespace, key, value);
        writers.set(name, [...(writers.get(name) ?? []), input]);
      }
      if (output === null) continue;
      const revision = revisionTaken(output);
      if (revision !== null) this.#taken.add(revision);
      for (const { seen, modRevision } of readsOf(input, output)) {
        const name = nameOf(seen.namespace, seen.key, seen.value);
        if (revisions.get(name) === modRevision) continue;
        revisions.set(name, modRevision);
        this.#seen.set(modRevision, [...(this.#seen.get(modRevision) ?? []), seen]);
      }
    }
    for (const [name, revision] of revisions) {
      const [writer, ...others] = writers.get(name) ?? [];
      if (writer !== undefined && others.length === 0) this.#found.set(writer, revision);
    }
  }

  /** Whether an unanswered call may take this revision; `false` is certain. */
  mayTake(call: Call, revision: number): boolean {
    return !this.#taken.has(revision) && (this.#found.get(call) ?? revision) === revision;
  }

  /** Whether the state just after its revision has what was read of that revision. */
  agrees(state: KernelModel): boolean {
    for (const { namespace, key, value } of this.#seen.get(state.revision) ?? []) {
      const result = state.apply({ kind: 'get', namespace, key, bytesMax: value.length });
      const record = result.kind === 'get' ? result.record : null;
      if (record?.modRevision !== state.revision || record.value === null) return false;
      if (!record.value.every((byte, at) => byte === value[at])) return false;
    }
    return true;
  }
}

function putsOf(call: Call): Seen[] {
  const { namespace } = call;
  const operations: readonly KeyOperation[] =
    call.kind === 'txn' ? [...call.then, ...call.else] : call.kind === 'put' ? [call] : [];
  return operations.flatMap((operation) => {
    return operation.kind === 'put'
      ? { namespace, key: operation.key, value: operation.value }
      : [];
  });
}

function readsOf(
  call: Call,
  output: Result,
): readonly { readonly seen: Seen; readonly modRevision: number }[] {
  const { namespace } = call;
  const one = (
    operation: KeyOperation | undefined,
    result: Result,
  ): { readonly seen: Seen; readonly modRevision: number }[] => {
    if (result.kind === 'range') {
      return result.entries.flatMap(({ key, ...record }) => found(namespace, key, record));
    }
    const record = result.kind === 'put' ? result.previous : null;
    if (operation?.kind === 'put' && record !== null)
      return found(namespace, operation.key, record);
    if (operation?.kind !== 'get' || result.kind !== 'get' || result.record === null) return [];
    return found(namespace, operation.key, result.record);
  };
  if (call.kind === 'getAt' && output.kind === 'get') {
    return output.record === null ? [] : found(namespace, call.key, output.record);
  }
  if (call.kind === 'rangeAt' && output.kind === 'rangeAt') {
    return output.entries.flatMap(({ key, ...record }) => found(namespace, key, record));
  }
  if (call.kind !== 'txn') {
    return call.kind === 'get' || call.kind === 'range' || call.kind === 'put'
      ? one(call, output)
      : [];
  }
  if (output.kind !== 'txn') return [];
  const branch = output.succeeded ? call.then : call.else;
  return output.results.flatMap((result, index) => one(branch[index], result));
}

function found(
  namespace: Uint8Array,
  key: Uint8Array,
  record: KeyRecord,
): { readonly seen: Seen; readonly modRevision: number }[] {
  const { value, modRevision } = record;
  return value === null ? [] : [{ seen: { namespace, key, value }, modRevision }];
}

function nameOf(...parts: readonly Uint8Array[]): string {
  return parts.map((bytes) => bytes.join('.')).join('/');
}
