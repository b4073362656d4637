import type { Forest } from '../forest.ts';
import type { TableOptions } from '../forest-types.ts';

/** A change of a table, as tests draw it. */
export interface Change {
  readonly kind: 'put' | 'merge' | 'delete';
  readonly table: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Counts, and keeps the end of what was there: deltas that are lost, doubled or reordered show.
 */
export function countAndAppend(older: Uint8Array | null, delta: Uint8Array): Uint8Array {
  const kept = older === null ? new Uint8Array(0) : older.subarray(1).slice(-24);
  const value = new Uint8Array(1 + kept.length + delta.length);
  value[0] = ((older?.[0] ?? 0) + 1) & 0xff;
  value.set(kept, 1);
  value.set(delta, 1 + kept.length);
  return value;
}

/** Table 3 takes deltas, table 1 and 7 take none; deliberately not in the order of ids. */
export const TEST_TABLES: readonly TableOptions[] = [
  { id: 3, name: 'merged', combine: countAndAppend },
  { id: 1, name: 'plain', combine: null },
  { id: 7, name: 'rare', combine: null },
];

export function applyChange(forest: Forest, change: Change): void {
  const table = forest.table(change.table);
  if (change.kind === 'put') table.put(change.key, change.value);
  else if (change.kind === 'delete') table.delete(change.key);
  else if (change.table === 3) table.merge(change.key, change.value);
  else table.put(change.key, change.value);
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** Changes that make tables 1 and 3 large enough for a checkpoint to add small runs to them. */
export function fillingChanges(count: number): Change[] {
  const changes: Change[] = [];
  for (let n = 0; n < count; n += 1) {
    const key = bytesOf(`key-${n}`);
    changes.push({ kind: 'put', table: 1 + (n & 2), key, value: new Uint8Array(200).fill(n) });
  }
  return changes;
}
