import { assert } from '@kimberlite/store';
import type { Checksum, ClientId, Op, View } from '../std/numbers.ts';

/**
 * The table of every message: its code, its fields in wire order, and whether it has a body. The
 * codec, its tests and the table in docs/protocol.md all come from here. Integers are
 * little-endian; what a header does not use is zero and is checked to be zero.
 */

/** Bytes of every header, on the wire, in the log and at the head of a WAL entry. */
export const HEADER_SIZE = 256;
/** Version of this layout; a peer or client with another is refused by name. */
export const PROTOCOL_VERSION = 2;
/** The `replica` field of what no replica wrote: messages of clients. */
export const NO_REPLICA = 255;

/** Bytes of each kind of field. Those of 16 bytes are `bigint`, all others `number`. */
export const FIELD_SIZES = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  op: 8,
  view: 8,
  u128: 16,
  checksum: 16,
  client: 16,
} as const;

export type FieldKind = keyof typeof FIELD_SIZES;

type ValueOf<K extends FieldKind> = K extends 'op'
  ? Op
  : K extends 'view'
    ? View
    : K extends 'checksum'
      ? Checksum
      : K extends 'client'
        ? ClientId
        : K extends 'u128'
          ? bigint
          : number;

type FieldsOf<S extends Readonly<Record<string, FieldKind>>> = {
  readonly [N in keyof S]: ValueOf<S[N]>;
};

/** Fields that every message has, in wire order from offset 0. */
export const COMMON_FIELDS = {
  /** Hash of bytes 16 to 255 of the header. Checked first, so `size` can be believed. */
  checksum: 'checksum',
  /** Hash of the body; the hash of no bytes for an empty one. */
  checksumBody: 'checksum',
  /** The cluster that this belongs to; anything of another is dropped and counted. */
  cluster: 'u128',
  /** Header and body, in bytes. */
  size: 'u32',
  version: 'u16',
  command: 'u8',
  /** Member slot of the author, or NO_REPLICA. A prepare keeps its first author for ever. */
  replica: 'u8',
  /** The author's view; for a prepare the view that made it; for a ping or pong the durable one. */
  view: 'view',
  /** The author's release: major << 16 | minor << 8 | patch. */
  release: 'u32',
  reserved: 'u32',
  /** Random number of the author's data file, made at format; zero for clients and prepares. */
  incarnation: 'u128',
} as const;

/** Offset of the fields that are a command's own. */
export const COMMAND_FIELDS_OFFSET = 128;

/** Refuses a table entry of another shape at compile time. */
type CommandSpec = {
  readonly code: number;
  /** `none`: an empty body; `bytes`: whatever the command says. */
  readonly body: 'none' | 'bytes';
  readonly fields: Readonly<Record<string, FieldKind>>;
};

/** Every command: code, body and own fields in wire order from COMMAND_FIELDS_OFFSET. */
export const COMMANDS = {
  /** Never sent: fills a WAL slot that was never used; `op` is the slot's own number. */
  reserved: { code: 0, body: 'none', fields: { op: 'op' } },
  /** First on every connection, both ways; `role` is one of HELLO_ROLES. Sizes must agree. */
  hello: {
    code: 1,
    body: 'none',
    fields: {
      member: 'u128',
      role: 'u8',
      replicaCount: 'u8',
      pipelineMax: 'u16',
      messageSizeMax: 'u32',
      walSlots: 'u32',
      checkpointInterval: 'u32',
      blockSize: 'u32',
      sessionsMax: 'u32',
      stateBytesMax: 'u64',
      historyRevisions: 'u64',
      machine: 'u128',
      machineName: 'u128',
    },
  },
  /**
   * Also says what its author stands by, to those that have told it what it promised them (rule
   * promise-remembered): so that more than its primary remember it. Zero to all others.
   */
  ping: {
    code: 2,
    body: 'none',
    fields: {
      checkpointId: 'checksum',
      checkpointOp: 'op',
      op: 'op',
      commit: 'op',
      promisedOp: 'op',
      promisedLogView: 'view',
      promisedView: 'view',
      monotonic: 'u64',
      life: 'u32',
      status: 'u8',
      clock: 'u8',
    },
  },
  /**
   * Also says what its author knows of the file that asked: which one it takes for the member's
   * own, and the most that this member has promised it (rule promise-remembered). Its checkpoint id
   * is for comparing states (rule odd-one-stops), as in all messages that have one.
   */
  /** Body: nothing, or the files of all slots as the author knows them. */
  pong: {
    code: 3,
    body: 'bytes',
    fields: {
      pingIncarnation: 'u128',
      knownIncarnation: 'u128',
      checkpointId: 'checksum',
      checkpointOp: 'op',
      knownSince: 'op',
      promisedOp: 'op',
      promisedLogView: 'view',
      promisedView: 'view',
      pingMonotonic: 'u64',
      pongWall: 'u64',
      pingLife: 'u32',
      life: 'u32',
    },
  },
  request: {
    code: 4,
    body: 'bytes',
    fields: { client: 'client', session: 'u64', request: 'u32', operation: 'u16' },
  },
  /** Body: `count` entries, see batch.ts. */
  prepare: {
    code: 5,
    body: 'bytes',
    fields: {
      parent: 'checksum',
      checkpointId: 'checksum',
      op: 'op',
      commit: 'op',
      timestamp: 'u64',
      count: 'u32',
    },
  },
  prepareOk: {
    code: 6,
    body: 'none',
    fields: {
      prepareChecksum: 'checksum',
      checkpointId: 'checksum',
      op: 'op',
      commitMin: 'op',
      checkpointOp: 'op',
      durable: 'u8',
    },
  },
  commit: {
    code: 7,
    body: 'none',
    fields: {
      commitChecksum: 'checksum',
      checkpointId: 'checksum',
      commit: 'op',
      op: 'op',
      checkpointOp: 'op',
      durableOp: 'op',
      monotonic: 'u64',
    },
  },
  reply: {
    code: 8,
    body: 'bytes',
    fields: {
      client: 'client',
      requestChecksum: 'checksum',
      session: 'u64',
      op: 'op',
      timestamp: 'u64',
      index: 'u32',
      request: 'u32',
      operation: 'u16',
    },
  },
  eviction: {
    code: 9,
    body: 'none',
    fields: { client: 'client', session: 'u64', request: 'u32', reason: 'u8' },
  },
  /**
   * The request was not sequenced by this replica and will not be: definite for this copy of it.
   */
  refusal: {
    code: 10,
    body: 'none',
    fields: { client: 'client', requestChecksum: 'checksum', request: 'u32', reason: 'u8' },
  },
  /** A vote to leave the view of the header. */
  startViewChange: { code: 11, body: 'none', fields: {} },
  /**
   * Body: the files of all slots as the author knows them, then headers from `op` downwards, 256
   * zero bytes for an unknown one. Bit i speaks of op - i.
   */
  doViewChange: {
    code: 12,
    body: 'bytes',
    fields: {
      checkpointId: 'checksum',
      logView: 'view',
      op: 'op',
      commitMin: 'op',
      checkpointOp: 'op',
      nackBits: 'u32',
      presentBits: 'u32',
    },
  },
  /** Body: the checkpoint record, then headers from `op` downwards without a gap. */
  startView: {
    code: 13,
    body: 'bytes',
    fields: { nonce: 'u128', op: 'op', commit: 'op', checkpointOp: 'op' },
  },
  requestStartView: { code: 14, body: 'none', fields: { nonce: 'u128' } },
  requestHeaders: { code: 15, body: 'none', fields: { opMin: 'op', opMax: 'op' } },
  /** Body: prepare headers, descending. */
  headers: { code: 16, body: 'bytes', fields: {} },
  /**
   * `prepareChecksum` zero asks the primary for the op of its own view's log. `more` ops above it
   * are wanted too.
   */
  requestPrepare: {
    code: 17,
    body: 'none',
    fields: { prepareChecksum: 'checksum', op: 'op', more: 'u16' },
  },
  /** Body: pairs of block address (u64) and checksum (u128), 32 bytes each. */
  requestBlocks: { code: 18, body: 'bytes', fields: {} },
  block: { code: 19, body: 'bytes', fields: { blockChecksum: 'checksum', address: 'u64' } },
  /** Answers a hello that is refused, and a removed or foreign peer. */
  rejection: { code: 20, body: 'none', fields: { reason: 'u8' } },
  /**
   * Reads without a place in the log. `level` is one of READ_LEVELS, `floor` the highest op that
   * the client has seen, `lagMax` in milliseconds is for `bounded` alone.
   */
  query: {
    code: 21,
    body: 'bytes',
    fields: {
      client: 'client',
      query: 'u64',
      floor: 'op',
      lagMax: 'u32',
      operation: 'u16',
      level: 'u8',
    },
  },
  /** `op`: the answer is the state exactly after it. */
  queryReply: {
    code: 22,
    body: 'bytes',
    fields: { client: 'client', queryChecksum: 'checksum', query: 'u64', op: 'op' },
  },
  /** The primary asks whether the view of the header is still everyone's. */
  confirmView: { code: 23, body: 'none', fields: { round: 'u64' } },
  /** It is the author's, for every round up to this one. */
  viewConfirmed: { code: 24, body: 'none', fields: { round: 'u64' } },
  /** A backup asks its primary for an op that covers every write answered before now. */
  requestReadIndex: { code: 25, body: 'none', fields: { nonce: 'u128' } },
  readIndex: { code: 26, body: 'none', fields: { nonce: 'u128', op: 'op' } },
} as const;

/** The name of a message. */
export type Command = keyof typeof COMMANDS;

/** The decoded header of one command. */
export type HeaderOf<C extends Command> = Omit<FieldsOf<typeof COMMON_FIELDS>, 'command'> & {
  readonly command: C;
} & FieldsOf<(typeof COMMANDS)[C]['fields']>;

/** Any decoded header, discriminated on `command`. */
export type Header = { readonly [C in Command]: HeaderOf<C> }[Command];

/** What an author says of itself with every message. */
export type SenderFields = Pick<
  FieldsOf<typeof COMMON_FIELDS>,
  'cluster' | 'replica' | 'view' | 'release' | 'incarnation'
>;

/** What a command says beside that. */
export type OwnFields<C extends Command> = FieldsOf<(typeof COMMANDS)[C]['fields']>;

/** What the author of a message states; the codec adds checksums, size, version and command. */
export type FieldsToSend<C extends Command> = SenderFields & OwnFields<C>;

/** Who greets. */
export const HELLO_ROLES = { replica: 0, client: 1 } as const;

/** What a replica is doing, as a ping says it. */
export const STATUS_CODES = {
  /** Reads its file. */
  recovering: 0,
  normal: 1,
  view_change: 2,
  /** Its log may lack an end that it once acknowledged. */
  recovering_head: 3,
  /** Waits until every other voter has durably noted its file; once in the file's life. */
  introducing: 4,
} as const;

/** Why a request was refused before it was sequenced. */
export const REFUSAL_REASONS = {
  /** This replica is not the primary and knows of none: ask another. */
  notPrimary: 1,
  /** Queue full: try again later. */
  busy: 2,
  /** The body is not a valid request of the state machine, or is too large. */
  invalid: 3,
  /** The primary sees no quorum. */
  noQuorum: 4,
  /** A query: no answer that is fresh enough could be had here in time. */
  tooStale: 5,
} as const;
/** One of `REFUSAL_REASONS`. */
export type RefusalReason = keyof typeof REFUSAL_REASONS;

/** How fresh the answer of a query is (rule read-confirmed). */
export const READ_LEVELS = {
  /** Sees every write that was answered before the query was sent. */
  linearizable: 0,
  /** Sees every write that was answered `lagMax` before the answer was given. */
  bounded: 1,
  /** Whatever is executed at the replica that answers, from `floor` on. */
  local: 2,
} as const;
/** One of `READ_LEVELS`. */
export type ReadLevel = keyof typeof READ_LEVELS;

/** Why a session is over. */
export const EVICTION_REASONS = {
  /** No session of this client: evicted, or never registered. */
  noSession: 1,
  /** The client registered again since: this session is the older one. */
  sessionTooLow: 2,
  /** Two requests with one number: two processes share a client id. */
  requestCollision: 3,
} as const;
/** One of `EVICTION_REASONS`. */
export type EvictionReason = keyof typeof EVICTION_REASONS;

/** Why a greeting was refused. */
export const REJECTION_REASONS = {
  wrongCluster: 1,
  wrongVersion: 2,
  wrongSizes: 3,
  wrongMember: 4,
  badMessage: 5,
  wrongMachine: 6,
} as const;
/** One of `REJECTION_REASONS`. */
export type RejectionReason = keyof typeof REJECTION_REASONS;

/** The name behind a wire code of one of the tables above, or null. */
export function reasonName<T extends Readonly<Record<string, number>>>(
  table: T,
  code: number,
): Extract<keyof T, string> | null {
  for (const name in table) if (table[name] === code) return name;
  return null;
}

/** One field with its place, computed from the tables. */
export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  readonly offset: number;
}

function place(fields: Readonly<Record<string, FieldKind>>, start: number, limit: number): Field[] {
  const placed: Field[] = [];
  let offset = start;
  for (const [name, kind] of Object.entries(fields)) {
    placed.push({ name, kind, offset });
    offset += FIELD_SIZES[kind];
  }
  assert(offset <= limit, 'the fields fit in their part of the header');
  return placed;
}

/** The fields that every header begins with, in their places. */
export const COMMON_LAYOUT: readonly Field[] = place(COMMON_FIELDS, 0, COMMAND_FIELDS_OFFSET);

export interface CommandLayout {
  readonly command: Command;
  readonly code: number;
  readonly body: 'none' | 'bytes';
  readonly fields: readonly Field[];
  /** First byte after the last own field: from here to the end all is zero. */
  readonly end: number;
}

/** Layouts by code. */
export const LAYOUTS: readonly CommandLayout[] = Object.entries(COMMANDS)
  .map(([command, spec]): CommandLayout => {
    const fields = place(spec.fields, COMMAND_FIELDS_OFFSET, HEADER_SIZE);
    const last = fields.at(-1);
    return {
      command: command as Command, // SAFETY: a key of COMMANDS.
      code: spec.code,
      body: spec.body,
      fields,
      end: last === undefined ? COMMAND_FIELDS_OFFSET : last.offset + FIELD_SIZES[last.kind],
    };
  })
  .sort((first, other) => first.code - other.code);

LAYOUTS.forEach((layout, code) => assert(layout.code === code, 'codes are dense'));

/** Where the fields of a message stand. */
export function layoutOf(command: Command): CommandLayout {
  const layout = LAYOUTS[COMMANDS[command].code];
  assert(layout !== undefined, 'every command has a layout');
  return layout;
}

// Common fields that are read before a whole header is decoded.
/** Offset of `checksum` in a header. */
export const OFFSET_CHECKSUM = 0;
/** Offset of `checksum_body` in a header. */
export const OFFSET_CHECKSUM_BODY = 16;
/** Offset of `cluster` in a header. */
export const OFFSET_CLUSTER = 32;
/** Offset of `size` in a header. */
export const OFFSET_SIZE = 48;
/** Bytes from which a size can be read. */
export const SIZE_END = 52;
/** Offset of `version` in a header. */
export const OFFSET_VERSION = 52;
/** Offset of `command` in a header. */
export const OFFSET_COMMAND = 54;
/** Offset of `replica` in a header. */
export const OFFSET_REPLICA = 55;
/** Offset of `view` in a header. */
export const OFFSET_VIEW = 56;
export const OFFSET_RELEASE = 64;
/** Four bytes that are zero. */
export const OFFSET_RESERVED = 68;
export const OFFSET_INCARNATION = 72;
const COMMON_END = 88;
assert(
  COMMON_LAYOUT.reduce((end, field) => Math.max(end, field.offset + FIELD_SIZES[field.kind]), 0) ===
    COMMON_END,
  'common fields end where they should',
);
export const OFFSET_COMMON_END: number = COMMON_END;

/**
 * The tables above are `as const` for their literal types; this is where their shape is checked.
 */
const _commonShape: Readonly<Record<string, FieldKind>> = COMMON_FIELDS;
const _commandShape: Readonly<Record<string, CommandSpec>> = COMMANDS;
assert(Object.keys(_commonShape).length > 0 && Object.keys(_commandShape).length > 0);
