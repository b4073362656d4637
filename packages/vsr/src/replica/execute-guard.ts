import {
  assert,
  compareBytes,
  type Forest,
  type LeveledTable,
  type Walk,
  type Walked,
} from '@kimberlite/store';
import type { KeyNames, Request, TableEntry, TableReader } from '../state-machine.ts';
import { TABLE_USER_MIN } from '../state-machine.ts';
import { type MachinePlace, machineThrew } from '../state-machine-error.ts';
import type { Checksum, Op } from '../std/numbers.ts';
import { Prng } from '../std/prng.ts';
import { checkedReply } from './machine-calls.ts';
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
  /** By their bounds as well. */
  private readonly walks: Map<string, Walk[]> = new Map();
  /** Walks must end where they end on every replica: for what executes. */
  private readonly exact: boolean;
  /** Everything that was named can be read from memory. */
  complete = true;

  constructor(forest: Forest, exact: boolean) {
    this.forest = forest;
    this.exact = exact;
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

  walk(table: number, walk: Walk, added: number): void {
    assert(table >= TABLE_USER_MIN, 'a table of the state machine');
    assert(added === 0 || walk.room === null, 'what is changed before may make room for more');
    const text = rangeText({ table, ...walk });
    const named = this.walks.get(text);
    if (named === undefined) this.walks.set(text, [walk]);
    else named.push(walk);
    const options = { exact: this.exact, added };
    if (!this.forest.table(table).fetchWalk(walk, options)) this.complete = false;
  }

  assertWalk(table: number, wanted: Walk): void {
    const covered = this.walks
      .get(rangeText({ table, ...wanted }))
      ?.some(
        (named) =>
          named.limit >= wanted.limit &&
          named.lookMax >= wanted.lookMax &&
          (named.room === null || isSameRoom(named, wanted)),
      );
    assert(covered === true, 'only what was named is read');
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

function isSameRoom({ room: first }: Walk, { room: other }: Walk): boolean {
  if (first === null || other === null) return first === other;
  const { bytes, perRow, headsOnly } = first;
  return bytes === other.bytes && perRow === other.perRow && headsOnly === other.headsOnly;
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
function nameReads(
  r: Replica,
  request: Request,
  { exact, op }: { readonly exact: boolean; readonly op: Op },
): TableReader | null {
  const names = new Names(r.forest, exact);
  const reader: TableReader = {
    get: (table, key): Uint8Array | null => {
      names.assertKey(table, key);
      return r.forest.table(table).get(key);
    },
    range: (table, from, to, limit): TableEntry[] => {
      names.assertRange({ table, from, to, limit });
      return r.forest.table(table).range(from, to, limit);
    },
    walk: (table, walk): Walked => {
      names.assertWalk(table, walk);
      const walked = r.forest.table(table).walk(walk);
      assert(walked !== 'wanted', 'what is read was fetched before');
      return walked;
    },
  };
  let rounds = 0;
  try {
    while (r.stateMachine.prefetch(request, names, reader)) {
      if (!names.complete) return null; // The next round may read what this one has named.
      rounds += 1;
      assert(rounds <= PREFETCH_ROUNDS_MAX, 'prefetch comes to an end');
    }
  } catch (error) {
    throw machineThrew({ call: 'prefetch', operation: request.operation, op }, error);
  }
  return names.complete ? reader : null;
}

/** Wants the blocks of a request whose turn it is not yet; whether all are there already. */
export function prefetchRequest(r: Replica, request: Request, op: Op): boolean {
  return nameReads(r, request, { exact: false, op }) !== null;
}

/**
 * Runs the state machine on one request with a context that holds it to its names. Null, with
 * nothing changed, while blocks that it may read are not in memory, and while it is not certain yet
 * how far a walk comes: then a checkpoint is in the making, and it is certain when that is durable.
 */
export function executeGuarded(r: Replica, execution: GuardedExecution): Uint8Array | null {
  const { request, op } = execution;
  const reader = nameReads(r, request, { exact: true, op });
  if (reader === null) return null;
  let random: Prng | null = null;
  let horizon = 0;
  const place: MachinePlace = { call: 'execute', operation: request.operation, op };
  const reply = called(place, () =>
    r.stateMachine.execute(request, {
      ...reader,
      put: (table, key, value): void => tableOf(r, table).put(key, value),
      merge: (table, key, delta): void => tableOf(r, table).merge(key, delta),
      delete: (table, key): void => tableOf(r, table).delete(key),
      expire: (expired): void => {
        horizon = Math.max(horizon, expired);
      },
      now: execution.now,
      random: (): number => {
        random ??= new Prng(BigInt.asUintN(64, execution.seed) + BigInt(execution.index));
        return random.u32();
      },
      op,
      index: execution.index,
    }),
  );
  const checked = checkedReply(r, place, { request, reply });
  r.forest.expire(horizon);
  return checked;
}

/** What the machine gives, which nobody has looked at yet. */
function called(place: MachinePlace, call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    throw machineThrew(place, error);
  }
}

function tableOf(r: Replica, table: number): LeveledTable {
  assert(table >= TABLE_USER_MIN, 'a table of the state machine');
  return r.forest.table(table);
}

/** Answers a valid query from the state as it now is; null while blocks of it are not in memory. */
export function queryGuarded(r: Replica, request: Request): Uint8Array | null {
  const { stateMachine, commitMin: op } = r;
  const reader = nameReads(r, request, { exact: false, op });
  if (reader === null) return null;
  const place: MachinePlace = { call: 'query', operation: request.operation, op };
  const reply = called(place, () => {
    assert(stateMachine.query !== undefined, 'a machine with queries answers them');
    return stateMachine.query(request, reader);
  });
  return checkedReply(r, place, { request, reply });
}
