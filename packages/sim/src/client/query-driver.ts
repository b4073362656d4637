import { type ChecksumFunction, unreachable } from '@kimberlite/store';
import {
  type AnyMessage,
  ClientId,
  type Message,
  type Op,
  type Prng,
  type QueryEffect,
  QuerySession,
  type ReadLevel,
  type View,
} from '@kimberlite/vsr';
import type { QueryWorkload, WorkloadRequest } from '../workload/workload.ts';
import { drawnRequest } from '../workload/workload-fault.ts';

/** Queries of one client that may wait for an answer. */
const PENDING_MAX = 4;
/** Bounds that queries draw from, in milliseconds: below a round trip, and above a view change. */
const BOUNDS = [1, 20, 100, 500, 2_000] as const;

export interface QueryDriverSetup {
  readonly cluster: bigint;
  readonly replicaCount: number;
  readonly checksum: ChecksumFunction;
  readonly prng: Prng;
  readonly release: number;
  readonly workload: QueryWorkload;
  readonly send: (replica: number, message: AnyMessage) => void;
  readonly onAsked: (checksum: bigint) => void;
  readonly onAnswered: (reply: Message<'queryReply'>) => void;
  readonly onRefused: () => void;
}

/** The queries of one life of a client, through the production `QuerySession`. */
export class QueryDriver {
  private readonly setup: QueryDriverSetup;
  private readonly session: QuerySession;
  private readonly prng: Prng;
  private readonly waiting: Map<number, ((reply: Uint8Array) => void) | null>;

  constructor(setup: QueryDriverSetup) {
    const { cluster, replicaCount, checksum, prng, release } = setup;
    this.setup = setup;
    this.prng = prng.fork();
    this.session = new QuerySession({
      cluster,
      client: ClientId(prng.u128() | 1n),
      replicaCount,
      checksum,
      prng: prng.fork(),
      release,
    });
    this.waiting = new Map();
  }

  /** Queries without an answer. */
  get pending(): number {
    return this.waiting.size;
  }

  /** Another answer of this client showed an op. */
  see(seen: { readonly op: Op; readonly view: View }): void {
    this.session.see(seen);
  }

  tick(): void {
    const out: QueryEffect[] = [];
    this.session.onTick(out);
    this.apply(out);
  }

  receive(message: AnyMessage): void {
    const out: QueryEffect[] = [];
    this.session.onMessage(message, out);
    this.apply(out);
  }

  /** Asks what the workload draws, at some level and some replica. */
  ask(): void {
    if (this.waiting.size >= PENDING_MAX) return;
    const { prng } = this;
    const level = prng.pick<ReadLevel>(['linearizable', 'linearizable', 'bounded', 'local']);
    const lagMax = level === 'bounded' ? prng.pick(BOUNDS) : 0;
    this.submit({ level, lagMax, nearest: prng.below(this.setup.replicaCount + 1) }, null);
  }

  /** Asks; `nearest` is the slot that is asked first, the primary where there is no such slot. */
  submit(
    query: { readonly level: ReadLevel; readonly lagMax: number; readonly nearest: number },
    asked: {
      readonly operation: number;
      readonly body: Uint8Array;
      readonly onReply: (reply: Uint8Array) => void;
    } | null,
  ): void {
    const { level, lagMax, nearest } = query;
    const { operation, body } = asked ?? this.draw();
    const known = nearest < this.setup.replicaCount;
    this.session.setNearest(known ? nearest : null);
    const out: QueryEffect[] = [];
    const prefer = known ? 'nearest' : 'primary';
    const id = this.session.ask({ level, lagMax, operation, body, prefer }, out);
    this.waiting.set(id, asked?.onReply ?? null);
    for (const effect of out) {
      if (effect.kind === 'send') this.setup.onAsked(effect.message.header.checksum);
    }
    this.apply(out);
  }

  private draw(): WorkloadRequest {
    return drawnRequest('queries of the workload', this.setup.workload.next(this.prng));
  }

  private apply(effects: readonly QueryEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.setup.send(effect.replica, effect.message);
          break;
        case 'answered': {
          const onReply = this.waiting.get(effect.id) ?? null;
          this.waiting.delete(effect.id);
          this.setup.onAnswered(effect.message);
          onReply?.(effect.message.body);
          break;
        }
        case 'busy':
        case 'no_quorum':
          break; // The session asks elsewhere by itself.
        case 'refused':
          this.waiting.delete(effect.id);
          this.setup.onRefused();
          break;
        default:
          unreachable(effect);
      }
    }
  }
}
