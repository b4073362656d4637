import {
  type ClientId,
  type ClusterConfig,
  type Message,
  present,
  type TraceEvent,
} from '@kimberlite/vsr';
import { sameBytes } from '../storage/disk-order.ts';
import type { ReplyModel, WorkloadRequest } from '../workload/workload.ts';
import type { HistoryEntry, OneHistory } from './history.ts';
import { type ModelOutcome, SessionModel } from './session-model.ts';
import { check, wrongReply } from './violation.ts';

export type ExecutedEvent = Extract<TraceEvent, { readonly kind: 'executed' }>;

export type EvictedEvent = Extract<TraceEvent, { readonly kind: 'session_evicted' }>;

/** A place in the history: an op, and a request within it. */
interface Place {
  readonly op: number;
  readonly index: number;
}

function after(first: Place, other: Place): boolean {
  return first.op > other.op || (first.op === other.op && first.index > other.index);
}

/**
 * Linearizability by the order of the log: each reply must be what the model answers at its place,
 * each request executes once at most, and a request that began after another's answer was received
 * has the later place. With a total order and real time respected, that is all there is to check.
 */
export class Replies {
  private readonly history: OneHistory;
  private readonly model: ReplyModel;
  /** Outcomes of which a replica has told its reply: all others must give the same. */
  private readonly given: WeakSet<ModelOutcome>;
  private readonly sessions: SessionModel;
  /** By op - 1: outcomes of its requests. */
  private readonly outcomes: (readonly ModelOutcome[])[];
  private readonly executedChecksums: Set<bigint>;
  private readonly refused: Set<bigint>;
  /** Executions reported before the op's own commit event. */
  private readonly early: Map<number, ExecutedEvent[]>;
  private readonly earlyEvictions: Map<number, EvictedEvent[]>;
  /** The newest place of which any client has an answer. */
  private answered: Place;
  /** For each client with a request under way: `answered` when it began. */
  private readonly floors: Map<bigint, Place>;

  constructor(history: OneHistory, config: ClusterConfig, model: ReplyModel) {
    this.history = history;
    this.model = model;
    this.given = new WeakSet();
    this.sessions = new SessionModel(config.sessionsMax, model);
    this.outcomes = [];
    this.executedChecksums = new Set();
    this.refused = new Set();
    this.early = new Map();
    this.earlyEvictions = new Map();
    this.answered = { op: 0, index: 0 };
    this.floors = new Map();
  }

  /** The newest op of which a client has an answer. */
  get answeredOp(): number {
    return this.answered.op;
  }

  /** The history grew. */
  onHistory(entry: HistoryEntry): void {
    const outcomes = this.sessions.onOp(entry);
    this.outcomes.push(outcomes);
    outcomes.forEach((outcome, index) => {
      const request = entry.requests[index];
      if (outcome.kind !== 'executed' || request === undefined || outcome.reply === null) return;
      const { requestChecksum } = request;
      check(
        'replies',
        !this.executedChecksums.has(requestChecksum),
        () => `request ${request.request} executes twice, now in op ${entry.op}`,
      );
      check(
        'replies',
        !this.refused.has(requestChecksum),
        () => `op ${entry.op} executes a request that was refused for sure`,
      );
      this.executedChecksums.add(requestChecksum);
    });
    const waiting = this.early.get(entry.op) ?? [];
    this.early.delete(entry.op);
    for (const event of waiting) this.onExecuted(event);
    const evictions = this.earlyEvictions.get(entry.op) ?? [];
    this.earlyEvictions.delete(entry.op);
    for (const event of evictions) this.onEvicted(event);
  }

  /** A replica decided one request: the same as the model, on every replica and in every life. */
  onExecuted(event: ExecutedEvent): void {
    const outcome = this.outcomes[event.op - 1]?.[event.index];
    if (outcome === undefined) {
      check('replies', event.op > this.history.head, () => `op ${event.op} has no such request`);
      const waiting = this.early.get(event.op);
      const kept = event.reply === null ? event : { ...event, reply: event.reply.slice() };
      if (waiting === undefined) this.early.set(event.op, [kept]);
      else waiting.push(kept);
      return;
    }
    const { op, index } = event;
    check(
      'replies',
      outcome.kind === event.outcome,
      () => `request ${index} of op ${op} is ${event.outcome}, by the rules ${outcome.kind}`,
    );
    if (outcome.kind !== 'executed' || outcome.reply === null || event.reply === null) return;
    const expected = outcome.reply;
    const given = event.reply;
    if (!sameBytes(expected, given) && !this.given.has(outcome)) {
      if (this.model.admits?.(this.requestAt(event), expected, given) === true) {
        outcome.reply = given.slice();
      }
    }
    this.given.add(outcome);
    if (sameBytes(outcome.reply, given)) return;
    const { operation, body } = this.requestAt(event);
    const reply = { operation, body, expected: outcome.reply, got: given };
    throw wrongReply('replies', `request ${index} of op ${op}`, reply);
  }

  private requestAt({ op, index }: Place): WorkloadRequest {
    return present(this.history.at(op)?.requests[index], 'what executed is in the history');
  }

  /** A register pushed this session out. */
  onEvicted(event: EvictedEvent): void {
    const outcome = this.outcomes[event.op - 1]?.[event.index];
    if (outcome === undefined) {
      const waiting = this.earlyEvictions.get(event.op);
      if (waiting === undefined) this.earlyEvictions.set(event.op, [event]);
      else waiting.push(event);
      return;
    }
    const evicted = outcome.kind === 'executed' ? outcome.evicted : null;
    check(
      'replies',
      evicted === event.client,
      () => `op ${event.op} evicts another session than the one idle for the longest`,
    );
  }

  /** Whether the request of this place reached the state machine; for ops of the history. */
  isExecuted(op: number, index: number): boolean {
    const outcome = this.outcomes[op - 1]?.[index];
    return outcome !== undefined && outcome.kind === 'executed' && outcome.reply !== null;
  }

  /** A client has read the state after this op: what begins from now on comes after it. */
  onRead(op: number): void {
    const place: Place = { op, index: Number.POSITIVE_INFINITY };
    if (after(place, this.answered)) this.answered = place;
  }

  onInvoked(client: ClientId): void {
    this.floors.set(client, this.answered);
  }

  onReplied(client: ClientId, request: WorkloadRequest, reply: Message<'reply'>): void {
    const { header, body } = reply;
    const place: Place = { op: header.op, index: header.index };
    const entry = this.history.at(header.op);
    check(
      'acknowledged_writes',
      entry !== null,
      () => `a client was answered for op ${header.op}, which nobody committed`,
    );
    const logged = entry.requests[header.index];
    check(
      'acknowledged_writes',
      logged !== undefined &&
        logged.client === client &&
        logged.requestChecksum === header.requestChecksum &&
        logged.operation === request.operation &&
        sameBytes(logged.body, request.body),
      () => `op ${header.op} does not hold the request that was answered with it`,
    );
    const outcome = this.outcomes[header.op - 1]?.[header.index];
    check(
      'replies',
      outcome !== undefined && outcome.kind === 'executed' && outcome.reply !== null,
      () =>
        `a client was answered for request ${header.index} of op ${header.op}, not executed there`,
    );
    const expected = outcome.reply;
    if (!sameBytes(expected, body)) {
      const where = `a client is told of request ${header.index} of op ${header.op}`;
      throw wrongReply('replies', where, { ...logged, expected, got: body });
    }
    const floor = this.floors.get(client) ?? { op: 0, index: 0 };
    check(
      'replies',
      after(place, floor),
      () => `op ${header.op} answers a request that began after the answer of op ${floor.op}`,
    );
    this.floors.delete(client);
    if (after(place, this.answered)) this.answered = place;
  }

  /**
   * A client sends these bytes. A number that was refused for sure is used again, so the same
   * question asked anew is the same message: now it may execute.
   */
  onSending(checksum: bigint): void {
    this.refused.delete(checksum);
  }

  onRefusedDefinitely(checksum: bigint): void {
    check(
      'replies',
      !this.executedChecksums.has(checksum),
      () => 'a client was refused for sure what had executed',
    );
    this.refused.add(checksum);
  }
}
