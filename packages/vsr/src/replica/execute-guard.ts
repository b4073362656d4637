import { assert, compareBytes, type Forest } from '@kimberlite/store';
import type { KeyNames, Request, TableEntry, TableReader } from '../state-machine.ts';
import { TABLE_USER_MIN } from '../state-machine.ts';
import type { Checksum, Op } from '../std/numbers.ts';
import { Prng } from '../std/prng.ts';
import type { Replica } from './replica.ts';

interface NamedRange {
  readonly table: number;
  readonly from: Uint8Array;
  readonly to: Uint8Array | null;
  readonly limit: number;
}

/** Rounds of prefetch, at most: each may name what the one before has read. */
const PREFETCH_ROUNDS_MAX = 16;

/** A range without its limit as a map key. */
function rangeText({ table, from, to }: Omit<NamedRange, 'limit'>): string {
  return `${keyText(table, from)} ${from.length} ${to === null ? '' : keyText(table, to)}`;
}

/** A key as a map key: one character a byte. */
function keyText(table: number, key: Uint8Array): string {
  let text = `${table}:`;
  for (const byte of key) text += String.fromCharCode(byte);
  return text;
}

/**
 * The names of one request. Reading what was not named is refused on every replica alike, whether
 * or not it would be in memory here: else a request could work on one replica and not on another.
 */
class Names implements KeyNames {
  private readonly forest: Forest;
  private readonly keys: Set<string> = new Set();
  private readonly ranges: NamedRange[] = [];
  /** The largest limit of each range, by its bounds: a request may name thousands. */
  private readonly limits: Map<string, number> = new Map();
  /** Everything that was named can be read from memory. */
  complete = true;

  constructor(forest: Forest) {
    this.forest = forest;
  }

  key(table: number, key: Uint8Array): void {
    assert(table >= TABLE_USER_MIN, 'a table of the state machine');
    this.keys.add(keyText(table, key));
    if (this.forest.table(table).lookup(key) === 'wanted') this.complete = false;
  }

  range(table: number, from: Uint8Array, to: Uint8Array | null, limit: number): void {
    assert(table >= TABLE_USER_MIN, 'a table of the state machine');
    const named = { table, from, to, limit };
    this.ranges.push(named);
    const text = rangeText(named);
    this.limits.set(text, Math.max(limit, this.limits.get(text) ?? 0));
    if (!this.forest.table(table).fetch(from, to, limit)) this.complete = false;
  }

  assertKey(table: number, key: Uint8Array): void {
    assert(this.keys.has(keyText(table, key)), 'only what was named is read');
  }

  assertRange(wanted: NamedRange): void {
    if ((this.limits.get(rangeText(wanted)) ?? -1) >= wanted.limit) return;
    const covered = this.ranges.some(
      (named) =>
        named.table === wanted.table &&
        named.limit >= wanted.limit &&
        compareBytes(named.from, wanted.from) <= 0 &&
        (named.to === null || (wanted.to !== null && compareBytes(wanted.to, named.to) <= 0)),
    );
    assert(covered, 'only what was named is read');
  }
}

export interface GuardedExecution {
  readonly request: Request;
  readonly op: Op;
  readonly index: number;
  readonly now: number;
  /** Checksum of the prepare: the root of this request's random numbers. */
  readonly seed: Checksum;
}

/**
 * Names what a request reads, so that the blocks it takes are wanted; null while one of them is not
 * in memory. What is named here may still be changed by requests before it.
 */
function nameReads(r: Replica, request: Request): TableReader | null {
  const names = new Names(r.forest);
  const reader: TableReader = {
    get: (table, key): Uint8Array | null => {
      names.assertKey(table, key);
      return r.forest.table(table).get(key);
    },
    range: (table, from, to, limit): TableEntry[] => {
      names.assertRange({ table, from, to, limit });
      return r.forest.table(table).range(from, to, limit);
    },
  };
  let rounds = 0;
  while (r.stateMachine.prefetch(request, names, reader)) {
    if (!names.complete) return null; // The next round may read what this one has named.
    rounds += 1;
    assert(rounds <= PREFETCH_ROUNDS_MAX, 'prefetch comes to an end');
  }
  return names.complete ? reader : null;
}

/** Wants the blocks of a request whose turn it is not yet; whether all are there already. */
export function prefetchRequest(r: Replica, request: Request): boolean {
  return nameReads(r, request) !== null;
}

/**
 * Runs the state machine on one request with a context that holds it to its names. Null, with
 * nothing changed, while blocks that it may read are not in memory.
 */
export function executeGuarded(r: Replica, execution: GuardedExecution): Uint8Array | null {
  const reader = nameReads(r, execution.request);
  if (reader === null) return null;
  let random: Prng | null = null;
  let horizon = 0;
  const reply = r.stateMachine.execute(execution.request, {
    ...reader,
    put: (table, key, value): void => r.forest.table(table).put(key, value),
    merge: (table, key, delta): void => r.forest.table(table).merge(key, delta),
    delete: (table, key): void => r.forest.table(table).delete(key),
    expire: (expired): void => {
      horizon = Math.max(horizon, expired);
    },
    now: execution.now,
    random: (): number => {
      random ??= new Prng(BigInt.asUintN(64, execution.seed) + BigInt(execution.index));
      return random.u32();
    },
    op: execution.op,
    index: execution.index,
  });
  r.forest.expire(horizon);
  return reply;
}

/** Answers a valid query from the state as it now is; null while blocks of it are not in memory. */
export function queryGuarded(r: Replica, request: Request): Uint8Array | null {
  assert(r.stateMachine.query !== undefined, 'a machine with queries answers them');
  const reader = nameReads(r, request);
  return reader === null ? null : r.stateMachine.query(request, reader);
}
