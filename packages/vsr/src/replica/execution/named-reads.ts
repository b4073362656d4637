import { assert, compareBytes, type Forest, type Walk, type Walked } from '@kimberlite/store';
import type { KeyNames, Request, TableEntry, TableReader } from '../../state-machine.ts';
import { TABLE_USER_MIN } from '../../state-machine.ts';
import { MachineMisuse, machineThrew } from '../../state-machine-error.ts';
import { bytesText } from '../../std/bytes-text.ts';
import type { Op } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';

interface NamedRange {
  readonly table: number;
  readonly from: Uint8Array;
  readonly to: Uint8Array | null;
  readonly limit: number;
}

/** Rounds of prefetch after the first, at most: each may read what those before it have named. */
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
  private readonly replica: Replica;
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

  constructor(replica: Replica, { exact }: { readonly exact: boolean }) {
    this.replica = replica;
    this.forest = replica.forest;
    this.exact = exact;
  }

  key(table: number, key: Uint8Array): void {
    assertOwnTable(this.replica, table);
    this.keys.add(keyText(table, key));
    if (this.forest.table(table).lookup(key) === 'wanted') this.complete = false;
  }

  range(table: number, from: Uint8Array, to: Uint8Array | null, limit: number): void {
    assertOwnTable(this.replica, table);
    const named = { table, from, to, limit };
    this.ranges.push(named);
    const text = rangeText(named);
    this.limits.set(text, Math.max(limit, this.limits.get(text) ?? 0));
    if (!this.forest.table(table).fetch(from, to, limit)) this.complete = false;
  }

  walk(table: number, walk: Walk, added: number): void {
    assertOwnTable(this.replica, table);
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
    if (covered !== true) this.refuse(table, `walk ${boundsText(wanted)}`);
  }

  assertKey(table: number, key: Uint8Array): void {
    if (!this.keys.has(keyText(table, key))) this.refuse(table, `key ${bytesText(key)}`);
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
    if (covered) return;
    this.refuse(wanted.table, `range ${boundsText(wanted)}, limit ${wanted.limit}`);
  }

  /** What is said is made up only here: reads are many. */
  private refuse(id: number, what: string): never {
    const table = this.replica.stateMachine.tables.find((known) => known.id === id);
    const name = table === undefined ? '' : ` (${table.name})`;
    throw new MachineMisuse(`only what was named is read: table ${id}${name}, ${what}`);
  }
}

function boundsText({ from, to }: Pick<NamedRange, 'from' | 'to'>): string {
  return `from ${bytesText(from)} to ${to === null ? 'the end' : bytesText(to)}`;
}

/** A machine has no business in the tables of the core, nor in those that it did not declare. */
export function assertOwnTable({ forest, stateMachine }: Replica, table: number): void {
  if (table >= TABLE_USER_MIN && forest.has(table)) return;
  const own = stateMachine.tables.map(({ id, name }) => `${id} (${name})`).join(', ');
  throw new MachineMisuse(`a table of the state machine: ${own}, not ${table}`);
}

function isSameRoom({ room: first }: Walk, { room: other }: Walk): boolean {
  if (first === null || other === null) return first === other;
  const { bytes, perRow, headsOnly } = first;
  return bytes === other.bytes && perRow === other.perRow && headsOnly === other.headsOnly;
}

/**
 * Names what a request reads, so that the blocks it takes are wanted; null while one of them is not
 * in memory. What is named here may still be changed by requests before it.
 */
export function nameReads(
  r: Replica,
  request: Request,
  { exact, op }: { readonly exact: boolean; readonly op: Op },
): TableReader | null {
  const names = new Names(r, { exact });
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
  let round = 0;
  try {
    while (r.stateMachine.prefetch(request, names, reader, round)) {
      if (!names.complete) return null; // The next round may read what this one has named.
      round += 1;
      if (round > PREFETCH_ROUNDS_MAX) {
        throw new MachineMisuse(
          `prefetch comes to an end: it wants more than ${PREFETCH_ROUNDS_MAX} rounds`,
        );
      }
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
