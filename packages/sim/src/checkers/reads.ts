import { type Message, OPERATION_USER_MIN, type TraceEvent } from '@kimberlite/vsr';
import { sameBytes } from '../storage/disk-order.ts';
import type { QueryModel, QueryWorkload } from '../workload/workload.ts';
import type { OneHistory } from './history.ts';
import type { Replies } from './replies.ts';
import { modelContext } from './session-model.ts';
import { check, Violation, wrongReply } from './violation.ts';

export type QueriedEvent = Extract<TraceEvent, { readonly kind: 'queried' }>;

/** A query as its client sent it first. */
interface Asked {
  readonly client: bigint;
  /** The newest op that anybody had an answer of when it was sent. */
  readonly answered: number;
  /** The newest op that its client had an answer of. */
  readonly seen: number;
  /** What replicas answered, by op. */
  readonly answers: Map<number, Uint8Array>;
}

/** The state after an op, told from the history alone; moves forward only. */
interface Trail {
  model: QueryModel;
  op: number;
}

export interface ReadsSetup {
  readonly history: OneHistory;
  readonly replies: Replies;
  /** Null: the clients of this run ask no queries. */
  readonly queries: QueryWorkload | null;
  readonly replicaCount: number;
  /** True time, microseconds. */
  readonly now: () => number;
  /** The most true microseconds in which the clock of this replica gains so many. */
  readonly trueDuration: (slot: number, micros: number) => number;
  /** An answer is less fresh than its level owes: true when a lie is behind it. */
  readonly onStale?: (slot: number) => boolean;
}

/** Readings of two clocks are rounded to microseconds, each by less than this. */
const ROUNDING_MICROS = 4;

/**
 * Reads without a place in the log, judged as the replica answers and again as the client hears.
 * The answer is what the model answers after that op. A linearizable one is not below any op that
 * anybody had an answer of when the query was sent; a bounded one not below any that somebody had
 * so long before the answer was given; and none is below what its own client has seen.
 */
export class Reads {
  private readonly setup: ReadsSetup;
  private readonly asked: Map<bigint, Asked>;
  /** By client: the newest op that it had an answer of. */
  private readonly seen: Map<bigint, number>;
  /** When each op became the newest that anybody had an answer of. */
  private readonly times: { readonly at: number; readonly op: number }[];
  private readonly trails: (Trail | null)[];

  constructor(setup: ReadsSetup) {
    this.setup = setup;
    this.asked = new Map();
    this.seen = new Map();
    this.times = [];
    this.trails = Array.from({ length: setup.replicaCount }, () => null);
  }

  /** A client sends a query for the first time. */
  onAsked(client: bigint, checksum: bigint): void {
    this.asked.set(checksum, {
      client,
      answered: this.setup.replies.answeredOp,
      seen: this.seen.get(client) ?? 0,
      answers: new Map(),
    });
  }

  /** A client has an answer of this op, to whatever it asked. */
  onSeen(client: bigint, op: number): void {
    this.seen.set(client, Math.max(op, this.seen.get(client) ?? 0));
    const newest = this.times.at(-1)?.op ?? 0;
    if (op > newest) this.times.push({ at: this.setup.now(), op });
  }

  /** A replica answers. */
  onQueried(slot: number, event: QueriedEvent): void {
    const { history } = this.setup;
    const { op, queryChecksum, level } = event;
    const asked = this.asked.get(queryChecksum);
    check('reads', asked !== undefined, () => `replica ${slot} answers what nobody asked`);
    check(
      'reads',
      op <= history.head,
      () => `replica ${slot} answers a query at op ${op}, which nobody committed`,
    );
    check(
      'reads',
      op >= asked.seen,
      () => `a client that has seen op ${asked.seen} is answered at op ${op}`,
    );
    this.checkAnswer(slot, event);
    asked.answers.set(op, event.reply.slice());
    if (level === 'linearizable') this.checkRealTime(slot, { op, answered: asked.answered });
    if (level === 'bounded') this.checkBound(slot, event);
  }

  /** A client hears the answer. */
  onAnswered(client: bigint, reply: Message<'queryReply'>): void {
    const { op, queryChecksum } = reply.header;
    const asked = this.asked.get(queryChecksum);
    check(
      'reads',
      asked !== undefined && asked.client === client,
      () => 'a client gets the answer to what it did not ask',
    );
    const given = asked.answers.get(op);
    check(
      'reads',
      given !== undefined && sameBytes(given, reply.body),
      () => `a client gets another answer of op ${op} than a replica gave`,
    );
    this.setup.replies.onRead(op);
    this.onSeen(client, op);
  }

  private checkRealTime(
    slot: number,
    { op, answered }: { readonly op: number; readonly answered: number },
  ): void {
    if (op >= answered) return;
    const message = `a query sent after the answer of op ${answered} is answered at op ${op}`;
    this.stale(slot, message);
  }

  private stale(slot: number, message: string): void {
    if (this.setup.onStale?.(slot) !== true) throw new Violation('reads', message);
  }

  private checkBound(slot: number, { op, lagMax }: QueriedEvent): void {
    const { now, trueDuration } = this.setup;
    const since = now() - trueDuration(slot, lagMax * 1000) - ROUNDING_MICROS;
    const owed = this.answeredBefore(since);
    if (op >= owed) return;
    const late = `op ${owed} was answered over ${lagMax} ms before`;
    this.stale(slot, `replica ${slot} answers at op ${op}; ${late}`);
  }

  /** The newest op that somebody had an answer of before this time. */
  private answeredBefore(time: number): number {
    let low = 0;
    let high = this.times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.times[middle]?.at ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return this.times[low - 1]?.op ?? 0;
  }

  private checkAnswer(slot: number, event: QueriedEvent): void {
    const { op, reply: got } = event;
    const model = this.modelAt(slot, op);
    const expected = model.query(event);
    if (sameBytes(expected, got) || model.admits?.(event, expected, got) === true) return;
    throw wrongReply('reads', `query to replica ${slot} at op ${op}`, { ...event, expected, got });
  }

  private modelAt(slot: number, op: number): QueryModel {
    const { queries } = this.setup;
    check('reads', queries !== null, () => 'a query is answered in a run that has none');
    let trail = this.trails[slot] ?? null;
    if (trail === null || trail.op > op) {
      // It was started anew and has executed less than its last life had.
      trail = { model: queries.model(), op: 0 };
      this.trails[slot] = trail;
    }
    for (; trail.op < op; trail.op += 1) this.advance(trail);
    return trail.model;
  }

  private advance(trail: Trail): void {
    const { history, replies } = this.setup;
    const entry = history.at(trail.op + 1);
    check('reads', entry !== null, () => `op ${trail.op + 1} is history`);
    entry.requests.forEach((request, index) => {
      // What the core does by itself leaves the state machine's state alone.
      if (request.operation < OPERATION_USER_MIN || !replies.isExecuted(entry.op, index)) return;
      trail.model.execute(request, modelContext(entry, index));
    });
  }
}
