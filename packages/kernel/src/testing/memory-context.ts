import { assert, compareBytes, type Walk, type Walked } from '@kimberlite/store';
import {
  type ExecuteContext,
  type KeyNames,
  Op,
  type Request,
  type StateMachine,
  type TableEntry,
  type TableReader,
} from '@kimberlite/vsr';
import { type FoldOrder, MemoryTables } from './memory-tables.ts';

interface NamedRange {
  readonly table: number;
  readonly from: Uint8Array;
  readonly to: Uint8Array | null;
  readonly limit: number;
}

/** Rounds of names after the first, as in the core. */
const ROUNDS_MAX = 16;

/** What a request named, for looking at in tests. */
export interface Names {
  readonly keys: readonly string[];
  readonly ranges: readonly NamedRange[];
}

/** What a run gave. */
export interface MemoryRun {
  readonly reply: Uint8Array;
  readonly names: Names;
}

/**
 * Runs a state machine in memory, one request after another, as a replica would, and stops it (an
 * AssertionError) when it reads what it did not name, when a range reaches a row that its names
 * could not have fetched before the request ran, or when a reply is longer than its limit.
 */
export class MemoryRunner {
  readonly tables: MemoryTables;
  private readonly machine: StateMachine;
  private op: number;

  constructor(machine: StateMachine, fold: FoldOrder = 'at_once') {
    this.tables = new MemoryTables(machine.tables, fold);
    this.machine = machine;
    this.op = 0;
  }

  run(request: Request): MemoryRun {
    const { machine, tables } = this;
    assert(machine.validate(request.operation, request.body), 'a valid request');
    const reads = new NamedReads(tables);
    nameReads(machine, request, reads);
    this.op += 1;
    const expired = { horizon: 0 };
    const context = executeContext(tables, reads, { op: this.op, expired });
    const reply = machine.execute(request, context);
    tables.expire(expired.horizon);
    const limit = machine.replyLimit(request.operation, request.body);
    assert(reply.length <= limit, 'a reply within its limit');
    return { reply, names: reads.listed() };
  }

  /** Answers a query in the state as it is. */
  query(request: Request): Uint8Array {
    const { machine, tables } = this;
    assert(machine.validate(request.operation, request.body), 'a valid request');
    assert(machine.isQuery?.(request.operation, request.body) === true, 'a query');
    const reads = new NamedReads(tables);
    nameReads(machine, request, reads);
    const reply = machine.query?.(request, reads);
    assert(reply !== undefined, 'a machine with queries answers them');
    const limit = machine.replyLimit(request.operation, request.body);
    assert(reply.length <= limit, 'an answer within its limit');
    return reply;
  }
}

/** All rounds of names, and what they fetch. */
function nameReads(machine: StateMachine, request: Request, reads: NamedReads): void {
  for (let round = 0; machine.prefetch(request, reads.names, reads, round); round += 1) {
    assert(round < ROUNDS_MAX, 'the rounds come to an end');
    reads.fetch();
  }
  reads.fetch();
}

/** Reads, each checked against what was named and fetched. */
class NamedReads implements TableReader {
  readonly names: KeyNames;
  private readonly tables: MemoryTables;
  private readonly keys: Set<string>;
  private readonly ranges: NamedRange[];
  /** Rows that the names reach. */
  private readonly fetched: Set<string>;
  /** Rows made by this very request: known without a fetch. */
  private readonly made: Set<string>;

  constructor(tables: MemoryTables) {
    this.tables = tables;
    this.keys = new Set();
    this.ranges = [];
    this.fetched = new Set();
    this.made = new Set();
    this.names = {
      key: (table, key) => this.keys.add(rowName(table, key)),
      range: (table, from, to, limit) => this.ranges.push({ table, from, to, limit }),
      walk: (table, { from, to, limit }) => this.ranges.push({ table, from, to, limit }),
    };
  }

  listed(): Names {
    return { keys: [...this.keys], ranges: this.ranges };
  }

  fetch(): void {
    for (const name of this.keys) this.fetched.add(name);
    for (const { table, from, to, limit } of this.ranges) {
      for (const { key } of this.tables.range(table, from, to, limit)) {
        this.fetched.add(rowName(table, key));
      }
    }
  }

  /** Before a write: a row that is not there yet needs no fetch to be read later. */
  noteWrite(table: number, key: Uint8Array): void {
    if (!this.tables.has(table, key)) this.made.add(rowName(table, key));
  }

  get(table: number, key: Uint8Array): Uint8Array | null {
    assert(this.keys.has(rowName(table, key)), 'a key that was named');
    return this.tables.get(table, key);
  }

  range(table: number, from: Uint8Array, to: Uint8Array | null, limit: number): TableEntry[] {
    const named = this.ranges.some((range) => covers(range, { table, from, to, limit }));
    assert(named, 'a range that was named');
    const entries = this.tables.range(table, from, to, limit);
    for (const { key } of entries) {
      const name = rowName(table, key);
      assert(this.fetched.has(name) || this.made.has(name), 'a row that the names fetch');
    }
    return entries;
  }

  /** Nothing deleted is left in memory, and there is room for all. */
  walk(table: number, { from, to, limit }: Walk): Walked {
    const rows = this.range(table, from, to, limit).map(({ key, value }) => {
      return { key, size: value.length, part: value };
    });
    return { rows, stoppedAt: null };
  }
}

function executeContext(
  tables: MemoryTables,
  reads: NamedReads,
  { op, expired }: { readonly op: number; readonly expired: { horizon: number } },
): ExecuteContext {
  return {
    get: (table, key) => reads.get(table, key),
    range: (table, from, to, limit) => reads.range(table, from, to, limit),
    walk: (table, walk) => reads.walk(table, walk),
    put: (table, key, value) => {
      reads.noteWrite(table, key);
      tables.put(table, key, value);
    },
    merge: (table, key, delta) => {
      reads.noteWrite(table, key);
      tables.merge(table, key, delta);
    },
    delete: (table, key) => tables.delete(table, key),
    expire: (horizon) => {
      expired.horizon = Math.max(expired.horizon, horizon);
    },
    now: op * 1000,
    random: () => 4,
    op: Op(op),
    index: 0,
  };
}

function covers(named: NamedRange, asked: NamedRange): boolean {
  if (named.table !== asked.table || asked.limit > named.limit) return false;
  if (compareBytes(asked.from, named.from) < 0) return false;
  if (named.to === null) return true;
  return asked.to !== null && compareBytes(asked.to, named.to) <= 0;
}

/** A row as a string: its table and the key in hexadecimal. */
export function rowName(table: number, key: Uint8Array): string {
  let name = `${table}:`;
  for (const byte of key) name += byte.toString(16).padStart(2, '0');
  return name;
}
