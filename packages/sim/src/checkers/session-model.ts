import { writeU64, writeU128 } from '@kimberlite/store';
import {
  type BatchEntry,
  decodeRecovery,
  OPERATION_RECOVER,
  OPERATION_REGISTER,
  OPERATION_USER_MIN,
  Prng,
} from '@kimberlite/vsr';
import type { ModelContext, ReplyModel } from '../workload/workload.ts';
import type { HistoryEntry } from './history.ts';

/** What the rules of sessions make of one request of the log. */
export type ModelOutcome =
  | {
      readonly kind: 'executed';
      /** Null for what belongs to the core. Of several right ones the first that was given. */
      reply: Uint8Array | null;
      /** The session that a register pushed out. */
      readonly evicted: bigint | null;
    }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'no_session' }
  | { readonly kind: 'session_too_low' }
  | { readonly kind: 'collision' }
  | { readonly kind: 'out_of_order' };

interface ModelSession {
  readonly number: number;
  request: number;
  checksum: bigint;
  op: number;
  index: number;
}

/** Bytes of a reply to a `recover`: an op, then the file of each of 16 slots. */
const RECOVERED_SIZE = 8 + 16 * 24;

/** Session numbers are (op, index) in one number, so that they grow with the log. */
const SESSIONS_PER_OP = 16384;

/**
 * Sessions and at-most-once, worked out a second time from the committed log alone: which requests
 * execute, what they answer, who is evicted.
 */
export class SessionModel {
  private readonly sessions: Map<bigint, ModelSession>;
  /** Files that took the place of lost ones, by slot. */
  private readonly recovered: Map<number, { readonly incarnation: bigint; readonly since: number }>;
  private readonly sessionsMax: number;
  private readonly model: ReplyModel;

  constructor(sessionsMax: number, model: ReplyModel) {
    this.sessions = new Map();
    this.recovered = new Map();
    this.sessionsMax = sessionsMax;
    this.model = model;
  }

  /** The outcome of every request of the next op. */
  onOp(entry: HistoryEntry): ModelOutcome[] {
    return entry.requests.map((request, index) => this.decide(entry, request, index));
  }

  private decide(entry: HistoryEntry, request: BatchEntry, index: number): ModelOutcome {
    if (request.operation === OPERATION_REGISTER) return this.register(entry, request, index);
    const session = this.sessions.get(request.client);
    if (session === undefined) return { kind: 'no_session' };
    if (request.session < session.number) return { kind: 'session_too_low' };
    if (request.session > session.number) return { kind: 'no_session' };
    if (request.request === session.request) {
      const same = request.requestChecksum === session.checksum;
      return same ? { kind: 'duplicate' } : { kind: 'collision' };
    }
    if (request.request !== session.request + 1) return { kind: 'out_of_order' };
    session.request = request.request;
    session.checksum = request.requestChecksum;
    session.op = entry.op;
    session.index = index;
    const reply =
      request.operation < OPERATION_USER_MIN
        ? this.ofTheCore(entry, request)
        : this.model.execute(request, modelContext(entry, index));
    return { kind: 'executed', reply, evicted: null };
  }

  /**
   * The first op that names a file for a slot is the answer whenever it is named again; with it go
   * all that took the place of lost ones.
   */
  private ofTheCore(entry: HistoryEntry, request: BatchEntry): Uint8Array {
    const recovery = request.operation === OPERATION_RECOVER ? decodeRecovery(request.body) : null;
    if (recovery === null) return new Uint8Array(0);
    const known = this.recovered.get(recovery.slot);
    const same = known?.incarnation === recovery.incarnation;
    const since = same ? known.since : entry.op;
    this.recovered.set(recovery.slot, { incarnation: recovery.incarnation, since });
    const reply = new Uint8Array(RECOVERED_SIZE);
    const view = new DataView(reply.buffer);
    writeU64(view, 0, since);
    for (const [slot, file] of this.recovered) {
      writeU128(view, 8 + slot * 24, file.incarnation);
      writeU64(view, 8 + slot * 24 + 16, file.since);
    }
    return reply;
  }

  private register(entry: HistoryEntry, request: BatchEntry, index: number): ModelOutcome {
    const session = this.sessions.get(request.client);
    if (session !== undefined) {
      const same = session.request === 0 && session.checksum === request.requestChecksum;
      return same ? { kind: 'duplicate' } : { kind: 'out_of_order' };
    }
    const evicted = this.sessions.size >= this.sessionsMax ? this.evictOldest() : null;
    this.sessions.set(request.client, {
      number: entry.op * SESSIONS_PER_OP + index,
      request: 0,
      checksum: request.requestChecksum,
      op: entry.op,
      index,
    });
    return { kind: 'executed', reply: null, evicted };
  }

  private evictOldest(): bigint {
    let oldest: ModelSession | null = null;
    let client = 0n;
    for (const [id, session] of this.sessions) {
      const older =
        oldest === null ||
        session.op < oldest.op ||
        (session.op === oldest.op && session.index < oldest.index);
      if (!older) continue;
      oldest = session;
      client = id;
    }
    this.sessions.delete(client);
    return client;
  }
}

export function modelContext(
  { op, checksum, timestamp }: HistoryEntry,
  index: number,
): ModelContext {
  let random: Prng | null = null;
  return {
    ...{ op, index, timestamp, now: timestamp + index },
    random: () => {
      random ??= new Prng(BigInt.asUintN(64, checksum) + BigInt(index));
      return random.u32();
    },
  };
}
