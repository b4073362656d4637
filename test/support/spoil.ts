import { type KeyRecord, type Result, revisionTaken } from '@kimberlite/kernel';
import type { KernelOperation } from '@kimberlite/sim';

/** Makes a history false in one place; null when it has no such place. */
type Spoil = (history: readonly KernelOperation[]) => KernelOperation[] | null;

/**
 * Ten ways in which a broken store would have answered. Each changes a history so that no order
 * can explain it any more, whatever the other operations are.
 */
export const SPOILS: Readonly<Record<string, Spoil>> = {
  /** A read gets what a write had replaced that was answered before the read began. */
  stale_read: (history) => {
    const index = new Index(history);
    for (const read of index.gets) {
      const before = index.recordBefore(read.name, read.record?.modRevision ?? 0);
      if (before !== null && index.wroteBefore(read)) return replaced(history, read, before);
    }
    return null;
  },
  /** Every read of an answered write gets what was there before it. */
  lost_update: (history) => {
    const index = new Index(history);
    for (const read of index.gets) {
      const revision = read.record?.modRevision ?? 0;
      const before = index.recordBefore(read.name, revision);
      if (before === null || !index.wroteBefore(read)) continue;
      const lost = index.gets.filter((other) => {
        return other.name === read.name && other.record?.modRevision === revision;
      });
      return lost.reduce((spoilt, other) => replaced(spoilt, other, before), [...history]);
    }
    return null;
  },
  /** A value that nobody wrote. */
  phantom_value: (history) => {
    const read = new Index(history).gets.find(({ record }) => record !== null);
    if (read?.record === null || read === undefined) return null;
    const value = Uint8Array.of(0);
    return replaced(history, read, { ...read.record, value, valueSize: value.length });
  },
  /** A write that was executed twice, the second time at the revision of another write. */
  duplicate_effect: (history) => {
    const index = new Index(history);
    const read = index.gets.find(({ record }) => {
      return record !== null && index.writers.has(record.modRevision + 1);
    });
    if (read?.record === null || read === undefined) return null;
    const { modRevision, version } = read.record;
    const twice = { ...read.record, modRevision: modRevision + 1, version: version + 1 };
    return replaced(history, read, twice);
  },
  /** A write that was said to have failed, and was read. */
  refused_but_done: (history) => {
    const index = new Index(history);
    for (const { record } of index.gets) {
      const writer = index.writers.get(record?.modRevision ?? 0);
      if (writer !== undefined) return history.filter((operation) => operation !== writer);
    }
    return null;
  },
  /** One client reads the new value, then the old one. */
  reordered_reads: (history) => {
    const { gets } = new Index(history);
    for (const first of gets) {
      const next = gets.find((other) => {
        if (other.name !== first.name || other.operation.client !== first.operation.client) {
          return false;
        }
        const revision = other.record?.modRevision ?? 0;
        const isLater = other.operation.start > (first.operation.end ?? Number.POSITIVE_INFINITY);
        return isLater && revision > (first.record?.modRevision ?? 0) && first.record !== null;
      });
      if (next === undefined) continue;
      return replaced(replaced(history, first, next.record), next, first.record);
    }
    return null;
  },
  /** Two compare-and-swaps of the same revision, and both succeed. */
  both_swaps_win: (history) => {
    const { writers } = new Index(history);
    for (const operation of history) {
      const { input, output } = operation;
      if (input.kind !== 'txn' || output?.kind !== 'txn' || output.succeeded) continue;
      const [then, ...others] = input.then;
      const [seen] = output.results;
      if (then?.kind !== 'put' || others.length > 0 || seen?.kind !== 'get') continue;
      const revision = seen.record?.modRevision ?? 0;
      if (!writers.has(revision)) continue;
      const results = [{ kind: 'put' as const, revision, previous: null }];
      return changed(history, operation, { kind: 'txn', succeeded: true, revision, results });
    }
    return null;
  },
  /** A range that shows one key after a transaction, and another key before it. */
  torn_transaction: (history) => {
    const index = new Index(history);
    for (const operation of history) {
      const { output } = operation;
      if (output?.kind !== 'range') continue;
      for (const [at, { key, modRevision }] of output.entries.entries()) {
        const isShared = output.entries.some((other, place) => {
          return place !== at && other.modRevision === modRevision;
        });
        const before = isShared ? index.recordBefore(nameOf(key), modRevision) : null;
        if (before === null) continue;
        const entries = output.entries.with(at, { key, ...before });
        return changed(history, operation, { ...output, entries });
      }
    }
    return null;
  },
  /** A key that is there again after its delete was answered. */
  deleted_key_back: (history) => {
    const index = new Index(history);
    for (const read of index.gets) {
      if (read.record !== null) continue;
      const removal = history.findLast(({ input, output, end }) => {
        if (input.kind !== 'delete' || output?.kind !== 'delete' || output.deleted === 0) {
          return false;
        }
        const isOf = input.keys.some((key) => nameOf(key) === read.name);
        return isOf && end !== null && end < read.operation.start;
      });
      const revision = removal?.output === undefined ? null : revisionOf(removal.output);
      const before = revision === null ? null : index.recordBefore(read.name, revision);
      if (before !== null) return replaced(history, read, before);
    }
    return null;
  },
  /** A value is read before the write that brought it has begun. */
  read_from_the_future: (history) => {
    const index = new Index(history);
    const last = Math.max(...history.map(({ start, end }) => end ?? start));
    for (const { record } of index.gets) {
      const writer = index.writers.get(record?.modRevision ?? 0);
      if (writer === undefined) continue;
      return history.map((operation) => {
        return operation === writer ? { ...writer, start: last + 1, end: last + 2 } : operation;
      });
    }
    return null;
  },
};

/** An answered get. */
interface Get {
  readonly operation: KernelOperation;
  readonly name: string;
  readonly record: KeyRecord | null;
}

/** What a history holds, for those who look for a place. */
class Index {
  readonly gets: readonly Get[];
  /** Answered operations by the revision that they took. */
  readonly writers: ReadonlyMap<number, KernelOperation>;

  constructor(history: readonly KernelOperation[]) {
    this.gets = history.flatMap((operation) => {
      const { input, output } = operation;
      if (input.kind !== 'get' || output?.kind !== 'get') return [];
      return { operation, name: nameOf(input.key), record: output.record };
    });
    const writers = new Map<number, KernelOperation>();
    for (const operation of history) {
      const revision = revisionOf(operation.output);
      if (revision !== null) writers.set(revision, operation);
    }
    this.writers = writers;
  }

  /** Whether the write that the get saw was answered before the get began. */
  wroteBefore(read: Get): boolean {
    const writer = this.writers.get(read.record?.modRevision ?? 0);
    const end = writer?.end ?? null;
    return end !== null && end < read.operation.start;
  }

  /** A record that some get saw of the key, of a revision below this one. */
  recordBefore(name: string, revision: number): KeyRecord | null {
    const found = this.gets.findLast((other) => {
      return other.name === name && other.record !== null && other.record.modRevision < revision;
    });
    return found?.record ?? null;
  }
}

function revisionOf(output: Result | null): number | null {
  return output === null ? null : revisionTaken(output);
}

function replaced(
  history: readonly KernelOperation[],
  read: Get,
  record: KeyRecord | null,
): KernelOperation[] {
  return changed(history, read.operation, { kind: 'get', record });
}

function changed(
  history: readonly KernelOperation[],
  operation: KernelOperation,
  output: Result,
): KernelOperation[] {
  return history.map((other) => {
    const isIt = other.start === operation.start && other.client === operation.client;
    return isIt ? { ...other, output } : other;
  });
}

function nameOf(key: Uint8Array): string {
  return key.join('.');
}
