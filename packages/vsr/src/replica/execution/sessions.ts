import {
  assert,
  type Forest,
  type LeveledTable,
  readU64,
  readU128,
  writeU64,
  writeU128,
} from '@kimberlite/store';
import { type BatchEntry, OPERATION_REGISTER } from '../../message/batch.ts';
import { Checksum, ClientId, Op as makeOp, type Op } from '../../std/numbers.ts';

/** Table of the core that holds the numbers of the sessions: always in memory too. */
export const TABLE_SESSIONS = 1;
/** Table of the core that holds the last reply of each session. */
export const TABLE_REPLIES = 3;

/** What is remembered of a client: its last executed request, committed. */
export interface Session {
  readonly client: ClientId;
  /** Number given by the register op; grows over time. */
  readonly session: number;
  /** Number of the last executed request; 0 for the register itself. */
  readonly request: number;
  readonly operation: number;
  readonly requestChecksum: Checksum;
  /** Where and when it executed. */
  readonly op: Op;
  readonly index: number;
  readonly timestamp: number;
}

/** What the table makes of a request. */
export type RequestVerdict =
  | 'executed'
  /** It is the last one that executed: the stored reply answers it. */
  | 'duplicate'
  /** None, or one that is not that of the table. */
  | 'no_session'
  | 'session_too_low'
  /** Another request under the number of the last one. */
  | 'collision'
  | 'out_of_order';

/**
 * At-most-once is decided here and nowhere else (rule at-most-once). `session` is what the table
 * holds of the client of the request, or null.
 *
 * At execution the verdict is part of the replicated state: every replica comes to the same one for
 * the same request of the log, so what is changed here must change everywhere at one op. The
 * primary asks before that, for what it takes in, with the table as it stands then: that saves work
 * alone, for an op may have been prepared by an older primary that knew less.
 */
export function verdictOf(
  session: Session | null,
  request: Pick<BatchEntry, 'operation' | 'session' | 'request' | 'requestChecksum'>,
): RequestVerdict {
  if (request.operation === OPERATION_REGISTER) {
    if (session === null) return 'executed';
    const same = session.request === 0 && session.requestChecksum === request.requestChecksum;
    return same ? 'duplicate' : 'out_of_order';
  }
  if (session === null) return 'no_session';
  if (request.session < session.session) return 'session_too_low';
  if (request.session > session.session) return 'no_session';
  if (request.request === session.request) {
    return request.requestChecksum === session.requestChecksum ? 'duplicate' : 'collision';
  }
  return request.request === session.request + 1 ? 'executed' : 'out_of_order';
}

/** Where the sessions are kept. */
export interface SessionTables {
  readonly numbers: LeveledTable;
  readonly replies: LeveledTable;
}

/** The sessions' tables of a forest with the core's tables. */
export function sessionTables(forest: Forest): SessionTables {
  return { numbers: forest.table(TABLE_SESSIONS), replies: forest.table(TABLE_REPLIES) };
}

const RECORD_SIZE = 64;
/** Sessions that one op can open, at most: more than fit in the largest prepare. */
const SESSIONS_PER_OP = 16384;

/** The session number that the request at (op, index) opens. */
export function sessionNumber(op: Op, index: number): number {
  assert(index < SESSIONS_PER_OP, 'index in range');
  const number = op * SESSIONS_PER_OP + index;
  assert(Number.isSafeInteger(number), 'session number in range');
  return number;
}

function keyOf(client: ClientId): Uint8Array {
  const key = new Uint8Array(16);
  writeU128(new DataView(key.buffer), 0, client);
  return key;
}

function encode(session: Session): Uint8Array {
  const bytes = new Uint8Array(RECORD_SIZE);
  const view = new DataView(bytes.buffer);
  writeU64(view, 0, session.session);
  writeU64(view, 8, session.op);
  writeU64(view, 16, session.timestamp);
  view.setUint32(24, session.index, true);
  view.setUint32(28, session.request, true);
  writeU128(view, 32, session.requestChecksum);
  view.setUint16(48, session.operation, true);
  return bytes;
}

function decode(key: Uint8Array, bytes: Uint8Array): Session {
  assert(bytes.length === RECORD_SIZE, 'a session record is whole');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    client: ClientId(readU128(new DataView(key.buffer, key.byteOffset, 16), 0)),
    session: readU64(view, 0),
    op: makeOp(readU64(view, 8)),
    timestamp: readU64(view, 16),
    index: view.getUint32(24, true),
    request: view.getUint32(28, true),
    requestChecksum: Checksum(readU128(view, 32)),
    operation: view.getUint16(48, true),
  };
}

/**
 * The client table: committed requests only (rule sessions-committed-only). It is part of the
 * replicated state: every change goes through the tables, so it survives with the checkpoint, and
 * every replica holds the same. Stored replies may be on disk only.
 */
export class Sessions {
  private readonly numbers: LeveledTable;
  private readonly replies: LeveledTable;
  private readonly byClient: Map<ClientId, Session>;
  private readonly limit: number;

  constructor(tables: SessionTables, limit: number) {
    this.numbers = tables.numbers;
    this.replies = tables.replies;
    this.limit = limit;
    this.byClient = new Map();
  }

  /** Reads the numbers of all sessions, after a restore; false while blocks are wanted for it. */
  load(): boolean {
    this.byClient.clear();
    const records = this.numbers.scan(new Uint8Array(0), null, this.limit + 1);
    if (records === 'wanted') return false;
    for (const { key, value } of records) {
      const session = decode(key, value);
      this.byClient.set(session.client, session);
    }
    return true;
  }

  get count(): number {
    return this.byClient.size;
  }

  get(client: ClientId): Session | null {
    return this.byClient.get(client) ?? null;
  }

  /** Everyone who has a session. */
  clients(): Iterable<ClientId> {
    return this.byClient.keys();
  }

  /** The stored reply's body of a client's last request; 'wanted' when it must be read first. */
  reply(client: ClientId): Uint8Array | 'wanted' {
    const reply = this.replies.lookup(keyOf(client));
    assert(reply !== null, 'a session has a reply');
    return reply;
  }

  put(session: Session, reply: Uint8Array): void {
    this.byClient.set(session.client, session);
    const key = keyOf(session.client);
    this.numbers.put(key, encode(session));
    this.replies.put(key, reply);
  }

  /** Whether a register must evict someone first. */
  get full(): boolean {
    return this.byClient.size >= this.limit;
  }

  /**
   * Ends the session whose last execution (op, index) is the oldest, and returns its client. The
   * order is that of the log: the order of a map would differ between a replica that lived through
   * it all and one that came back from a checkpoint.
   */
  evictOldest(): ClientId {
    let oldest: Session | null = null;
    for (const session of this.byClient.values()) {
      if (
        oldest === null ||
        session.op < oldest.op ||
        (session.op === oldest.op && session.index < oldest.index)
      ) {
        oldest = session;
      }
    }
    assert(oldest !== null, 'there is one to evict');
    this.byClient.delete(oldest.client);
    this.numbers.delete(keyOf(oldest.client));
    this.replies.delete(keyOf(oldest.client));
    return oldest.client;
  }
}
