import type { ExecuteContext, KeyNames, Request, StateMachine, TableReader } from '@kimberlite/vsr';
import { check } from '../checkers/violation.ts';
import { TraceHash } from '../std/trace-hash.ts';
import type { Workload } from '../workload/workload.ts';
import { HostGuard } from './host-guard.ts';

/** What one execution did, as its first replica did it. */
interface Effects {
  readonly hash: string;
  readonly writes: number;
}

/** What a run's replicas share: the guard, and what each request did so far. */
interface Shared {
  readonly host: HostGuard;
  /** By `op.index`. */
  readonly effects: Map<string, Effects>;
}

/**
 * A workload whose state machine is watched: it reaches no clock, random or timer of the host,
 * does not wait, leaves requests as they are, and does with the same request at the same place of
 * the log the same on every replica and after every restart. That is judged by each write and each
 * reply, so a difference is found at the request that made it, and not at a later checkpoint.
 */
export function guardedWorkload(workload: Workload): Workload {
  const shared: Shared = { host: new HostGuard(), effects: new Map() };
  return {
    name: workload.name,
    stateMachine: () => guarded(workload.stateMachine(), shared),
    model: () => workload.model(),
    next: (prng) => workload.next(prng),
    ...(workload.judge === undefined ? {} : { judge: workload.judge }),
    ...(workload.queries === undefined ? {} : { queries: workload.queries }),
  };
}

function guarded(machine: StateMachine, shared: Shared): StateMachine {
  const { host } = shared;
  const answers = machine.isQuery !== undefined && machine.query !== undefined;
  return {
    ...(answers ? watchedQueries(machine, host) : {}),
    name: machine.name,
    tables: machine.tables.map((table) => {
      const { combine } = table;
      if (combine === null) return table;
      return {
        ...table,
        combine: (older: Uint8Array | null, delta: Uint8Array) =>
          host.run(() => combine(older, delta)),
      };
    }),
    open: (limits) => host.run(() => machine.open?.(limits)),
    validate: (operation, body) => host.run(() => machine.validate(operation, body)),
    replyLimit: (operation, body) => host.run(() => machine.replyLimit(operation, body)),
    looks: (operation, body) => host.run(() => machine.looks?.(operation, body) ?? 0),
    prefetch: (request: Request, names: KeyNames, read: TableReader, round: number) =>
      host.run(() => machine.prefetch(request, names, read, round)),
    execute: (request: Request, context: ExecuteContext) =>
      executeWatched(machine, shared, { request, context }),
  };
}

function watchedQueries(
  machine: StateMachine,
  host: HostGuard,
): Required<Pick<StateMachine, 'isQuery' | 'query'>> {
  return {
    isQuery: (operation, body) => host.run(() => machine.isQuery?.(operation, body) === true),
    query: (request, reader) => {
      const before = bodyHash(request);
      const reply: unknown = host.run(() => machine.query?.(request, reader));
      check('determinism', reply instanceof Uint8Array, () => 'query must return bytes');
      check('determinism', bodyHash(request) === before, () => 'query changes its request');
      return reply;
    },
  };
}

function executeWatched(
  machine: StateMachine,
  { host, effects }: Shared,
  { request, context }: { readonly request: Request; readonly context: ExecuteContext },
): Uint8Array {
  const before = bodyHash(request);
  const recorder = new EffectRecorder(context);
  const reply: unknown = host.run(() => machine.execute(request, recorder.context));
  const place = `${context.op}.${context.index}`;
  const where = `request ${context.index} of op ${context.op}`;
  check('determinism', reply instanceof Uint8Array, () => `${where}: execute must return bytes`);
  check('determinism', bodyHash(request) === before, () => `${where}: execute changes its request`);
  recorder.hash.bytes(reply);
  const done: Effects = { hash: recorder.hash.digest(), writes: recorder.writes };
  const known = effects.get(place);
  if (known === undefined) {
    effects.set(place, done);
    return reply;
  }
  check(
    'determinism',
    known.hash === done.hash,
    () =>
      `${where} does not do the same everywhere: ${done.writes} writes here, ` +
      `${known.writes} where it ran first, or other bytes`,
  );
  return reply;
}

function bodyHash({ body }: Request): string {
  const hash = new TraceHash();
  hash.bytes(body);
  return hash.digest();
}

/** Passes everything on, and remembers what was written. */
class EffectRecorder {
  readonly hash: TraceHash;
  readonly context: ExecuteContext;
  writes: number;

  constructor(inner: ExecuteContext) {
    this.hash = new TraceHash();
    this.writes = 0;
    this.context = {
      get: (table, key) => inner.get(table, key),
      range: (table, from, to, limit) => inner.range(table, from, to, limit),
      walk: (table, walk) => inner.walk(table, walk),
      put: (table, key, value) => {
        this.note('put', table, [key, value]);
        inner.put(table, key, value);
      },
      merge: (table, key, delta) => {
        this.note('merge', table, [key, delta]);
        inner.merge(table, key, delta);
      },
      delete: (table, key) => {
        this.note('delete', table, [key]);
        inner.delete(table, key);
      },
      expire: (horizon) => {
        this.note('expire', horizon, []);
        inner.expire(horizon);
      },
      now: inner.now,
      random: () => inner.random(),
      op: inner.op,
      index: inner.index,
    };
  }

  private note(what: string, where: number, parts: readonly Uint8Array[]): void {
    this.writes += 1;
    this.hash.text(what);
    this.hash.number(where);
    for (const part of parts) this.hash.bytes(part);
  }
}
