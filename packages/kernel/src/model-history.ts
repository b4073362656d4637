import type { Call } from './codec/call.ts';
import type { KeyEntry, KeyRecord } from './codec/result.ts';

/** A key of the model. */
export interface ModelKey {
  readonly bytes: Uint8Array;
  readonly value: Uint8Array;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
}

/** All keys of all namespaces, by their names. */
export type Keys = ReadonlyMap<string, ReadonlyMap<string, ModelKey>>;

/** One character a byte: strings then sort as the bytes do. */
export function nameOf(bytes: Uint8Array): string {
  let name = '';
  for (const byte of bytes) name += String.fromCharCode(byte);
  return name;
}

export function byCodeUnits(first: string, other: string): number {
  if (first === other) return 0;
  return first < other ? -1 : 1;
}

/** The model's memory of what was: all of the keys, after each revision that can still be read. */
export class ModelHistory {
  /** Revisions behind the newest that can be read. */
  readonly kept: number;
  private compacted = 0;
  private states: Map<number, Keys> = new Map([[0, new Map()]]);
  /** By namespace: the revisions that last deleted a key. */
  private tombstones: Map<string, Map<string, number>> = new Map();

  constructor(kept: number) {
    this.kept = kept;
  }

  copy(): ModelHistory {
    const copied = new ModelHistory(this.kept);
    copied.compacted = this.compacted;
    copied.states = new Map(this.states);
    copied.tombstones = new Map(
      [...this.tombstones].map(([name, tombstones]) => [name, new Map(tombstones)]),
    );
    return copied;
  }

  lowest(newest: number): number {
    return Math.max(this.compacted, newest - this.kept);
  }

  compact(revision: number): void {
    this.compacted = Math.max(this.compacted, revision);
  }

  /** A revision was taken: the keys that it has left, and those that it deleted on its way. */
  take(
    revision: number,
    keys: Keys,
    deleted: { readonly namespace: string; readonly keys: Iterable<string> },
  ): void {
    if (this.kept === 0) return;
    this.states.set(revision, new Map([...keys].map(([name, own]) => [name, new Map(own)])));
    const tombstones = this.tombstones.get(deleted.namespace) ?? new Map<string, number>();
    for (const key of deleted.keys) tombstones.set(key, revision);
    this.tombstones.set(deleted.namespace, tombstones);
  }

  /** The request is done: what it has made unreadable is forgotten. */
  endRequest(newest: number): void {
    if (this.kept === 0) return;
    const lowest = this.lowest(newest);
    for (const revision of this.states.keys()) {
      if (revision >= lowest) break;
      this.states.delete(revision);
    }
    for (const tombstones of this.tombstones.values()) {
      for (const [key, deleted] of tombstones) {
        if (deleted <= lowest) tombstones.delete(key);
      }
    }
  }

  /** The keys of a namespace just after a revision. */
  at(revision: number, namespace: string): ReadonlyMap<string, ModelKey> {
    return this.states.get(revision)?.get(namespace) ?? new Map<string, ModelKey>();
  }

  /** Keys of a namespace with a tombstone, in no order. */
  deleted(namespace: string): string[] {
    return [...(this.tombstones.get(namespace)?.keys() ?? [])];
  }
}

type RangeAt = Extract<Call, { readonly kind: 'rangeAt' }>;

/** What a range at a revision finds; see docs/kernel.md on how far it looks. */
export function rangeAtOf(
  asked: RangeAt,
  keys: {
    readonly now: Iterable<string>;
    readonly deleted: readonly string[];
    readonly then: ReadonlyMap<string, ModelKey>;
  },
): {
  readonly entries: readonly KeyEntry[];
  readonly more: boolean;
  readonly reached: Uint8Array | null;
} {
  const from = nameOf(asked.from);
  const to = asked.to === null ? null : nameOf(asked.to);
  const inside = (names: Iterable<string>): string[] =>
    [...names].filter((name) => name >= from && (to === null || name < to)).sort(byCodeUnits);
  const most = Math.min(asked.limit + 1, Math.floor(asked.bytesMax / 32) + 1, 128);
  const lists = [inside(keys.now), inside(keys.deleted)].map((names) => names.slice(0, most));
  const ends = lists.flatMap((names) => (names.length === most ? names.slice(-1) : []));
  const end = ends.sort(byCodeUnits)[0] ?? null;
  const looked = [...new Set(lists.flat())]
    .filter((name) => end === null || name <= end)
    .sort(byCodeUnits);
  const entries: KeyEntry[] = [];
  let used = 0;
  for (const name of looked) {
    const key = keys.then.get(name);
    if (key === undefined) continue;
    if (entries.length === asked.limit) return { entries, more: true, reached: null };
    const bare = 31 + key.bytes.length;
    const withheld =
      asked.keysOnly || (entries.length === 0 && bare + key.value.length > asked.bytesMax);
    used += bare + (withheld ? 0 : key.value.length);
    if (used > asked.bytesMax) return { entries, more: true, reached: null };
    entries.push({ key: key.bytes, ...shown(key, withheld ? -1 : key.value.length) });
  }
  const tells = end !== null && entries.length === 0 && end.length <= asked.bytesMax;
  const reached = tells ? Uint8Array.from(end, (letter) => letter.charCodeAt(0)) : null;
  return { entries, more: end !== null, reached };
}

/** A key as an answer shows it: without its value when that is longer than `bytesMax`. */
export function shown(key: ModelKey, bytesMax: number): KeyRecord {
  return {
    value: key.value.length > bytesMax ? null : key.value,
    valueSize: key.value.length,
    createRevision: key.create,
    modRevision: key.mod,
    version: key.version,
  };
}
