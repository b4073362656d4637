import {
  type COMMANDS,
  type COMMON_FIELDS,
  type Command,
  type EvictionReason,
  type RefusalReason,
  type RejectionReason,
  STATUS_CODES,
} from '@kimberlite/vsr';

/**
 * What each field and each code means, for docs/protocol.md. The types ask for exactly the fields
 * that packages/vsr/src/message/layout.ts has: a new one without a meaning does not compile.
 */
export const COMMON_MEANINGS: Readonly<Record<keyof typeof COMMON_FIELDS, string>> = {
  checksum: 'hash of bytes 16 to 255; checked first, so that `size` can be believed',
  checksumBody: 'hash of the body; of no bytes where there is none',
  cluster: 'anything of another cluster is dropped and counted',
  size: 'header and body, in bytes',
  version: 'of this layout: 2',
  command: 'code of the message',
  replica: 'slot of the author, 255 for a client; a prepare keeps its first author for ever',
  view: "the author's view; of a prepare the one that made it; of ping and pong the durable one",
  release: "the author's: major << 16, minor << 8, patch",
  reserved: 'zero',
  incarnation: "random number of the author's data file; zero for clients and in prepares",
};

type FieldMeanings = {
  readonly [C in Command]: {
    readonly [F in keyof (typeof COMMANDS)[C]['fields']]: string;
  };
};

export const FIELD_MEANINGS: FieldMeanings = {
  reserved: { op: "the slot's own number" },
  hello: {
    member: 'stable id of the replica; zero for a client',
    role: '0 replica, 1 client',
    replicaCount:
      'members of the cluster; equal on all replicas, as is all below; a client learns it',
    pipelineMax: 'ops prepared and not committed',
    messageSizeMax: 'bytes of the largest prepare',
    walSlots: 'prepares in the ring',
    checkpointInterval: 'ops from checkpoint to checkpoint',
    blockSize: 'bytes of a block',
    sessionsMax: 'client sessions, at most',
    stateBytesMax: 'bytes that the state may take, as the kernel counts them; 0 for no limit',
    historyRevisions: 'revisions behind the newest that stay readable; 0 for none',
    machine:
      'hash of the name and the tables of the state machine: equal on all replicas; zero for a client',
    machineName: 'hash of its name; zero for a client of whichever machine',
  },
  ping: {
    checkpointId: 'of the durable checkpoint',
    checkpointOp: 'its op',
    op: 'head of the log',
    commit: 'executed so far; 0 while a checkpoint is loaded or fetched',
    promisedOp: 'newest op of that log that is on its disk, or zero',
    promisedLogView: 'the view whose log it durably has; zero for a peer that has not greeted it',
    promisedView: 'the view that it is durably in; zero for a peer that has not greeted it',
    monotonic: "the sender's monotonic clock, microseconds",
    life: "random number of this life of the sender's process",
    status: Object.entries(STATUS_CODES)
      .map(([name, code]) => `${code} ${name}`)
      .join(', '),
    clock: '1: enough clocks agree at the sender',
  },
  pong: {
    pingIncarnation: 'file of the ping that this answers',
    knownIncarnation: "file that the answerer durably knows as the pinger's; zero: none yet",
    checkpointId: "of the answerer's durable checkpoint",
    checkpointOp: 'its op',
    knownSince: 'op by which that file took the place of a lost one, or zero',
    promisedOp: 'highest op that it said to have on its disk in that view',
    promisedLogView: 'highest view whose log it said to have',
    promisedView: 'highest view in which the pinger promised the answerer anything',
    pingMonotonic: '`monotonic` of the ping that this answers',
    pongWall: "the answerer's wall clock, microseconds since 1970",
    pingLife: '`life` of the ping that this answers',
    life: "random number of this life of the answerer's process",
  },
  request: {
    client: 'random id of the session, never zero',
    session: 'number given by the register; 0 in the register itself',
    request: '0 for the register, then 1, 2, 3, ...',
    operation: 'see [operations](#operations)',
  },
  prepare: {
    parent: 'checksum of the prepare of op - 1: the hash chain',
    checkpointId: 'of the newest checkpoint C with C + D below this op; zero while there is none',
    op: 'place in the log',
    commit: 'highest op that was committed when this one was made',
    timestamp: 'of the first request, microseconds; the request at index i has timestamp + i',
    count: 'requests in the body',
  },
  prepareOk: {
    prepareChecksum: 'the prepare that is acknowledged',
    checkpointId: "of the sender's durable checkpoint",
    checkpointOp: 'its op',
    op: 'its op',
    commitMin: 'executed at the sender',
    durable: '1: body and redundant header are on disk; anything else is not counted',
  },
  commit: {
    commitChecksum: 'checksum of the prepare of `commit`',
    checkpointId: "of the primary's durable checkpoint",
    commit: 'executed at the primary',
    op: 'its head',
    checkpointOp: 'op of its durable checkpoint',
    durableOp: 'newest op on its disk',
    monotonic: 'grows from heartbeat to heartbeat, so that a replayed one is noticed',
  },
  reply: {
    client: 'as in the request',
    requestChecksum: 'checksum of the request that is answered',
    session: 'number of the session; the answer to a register',
    op: 'where it executed',
    timestamp: 'when it executed, microseconds',
    index: 'place of the request inside its op',
    request: 'as in the request',
    operation: 'as in the request',
  },
  eviction: {
    client: 'whose session is over',
    session: 'as in the request',
    request: 'as in the request',
    reason: 'see [evictions](#evictions)',
  },
  refusal: {
    client: 'whose request it was',
    requestChecksum: 'checksum of the request',
    request: 'as in the request',
    reason: 'see [refusals](#refusals)',
  },
  startViewChange: {},
  doViewChange: {
    checkpointId: "of the sender's durable checkpoint",
    logView: 'the view whose log this is',
    op: 'its head',
    commitMin: 'executed at the sender',
    checkpointOp: 'op of its durable checkpoint',
    nackBits: 'bit i: op - i was provably never acknowledged by the sender',
    presentBits: 'bit i: the sender has the body of op - i',
  },
  startView: {
    nonce: 'of the request_start_view that this answers, else zero',
    op: 'head of the log of the view',
    commit: 'highest op known to be committed',
    checkpointOp: 'op of the checkpoint in the body',
  },
  requestStartView: { nonce: 'random; comes back in the answer' },
  requestHeaders: { opMin: 'lowest op that is wanted', opMax: 'highest' },
  headers: {},
  requestPrepare: {
    prepareChecksum: "which prepare; zero asks the primary for the op of its own view's log",
    op: 'its op',
    more: 'how many ops above it are wanted too',
  },
  requestBlocks: {},
  block: { blockChecksum: 'hash of the body', address: 'place in the block area, from 1' },
  rejection: { reason: 'see [rejections](#rejections)' },
  query: {
    client: 'random id by which the answer is routed; no session is needed',
    query: "the client's own number for it",
    floor: 'highest op that the client has seen: the answer is of this op or a later one',
    lagMax: 'milliseconds, for `bounded` alone, otherwise zero',
    operation: 'as in a request; its body must be one that only reads',
    level: '0 linearizable, 1 bounded, 2 local',
  },
  queryReply: {
    client: 'as in the query',
    queryChecksum: 'checksum of the query that is answered',
    query: 'as in the query',
    op: 'the answer is the state exactly after it',
  },
  confirmView: { round: 'numbers the rounds of this primary, upwards' },
  viewConfirmed: { round: 'stands for every round up to this one' },
  requestReadIndex: { nonce: 'random; comes back in the answer' },
  readIndex: {
    nonce: 'of the request_read_index that this answers',
    op: 'covers every write that was acknowledged before the question came',
  },
};

/** What the body holds, for commands that have one. */
export const BODY_MEANINGS: Partial<Record<Command, string>> = {
  pong: 'none, or as the files of a do_view_change once one was replaced',
  request: 'what the operation says; at most the message size less 320 bytes, padded to 8',
  prepare: '`count` entries, see [batch entry](#batch-entry)',
  reply: 'what the operation says; at most 64 KiB',
  doViewChange:
    'of each of 16 slots the file that the sender knows, incarnation (16) and the op by which it ' +
    'took the place of a lost one (8); then headers of prepares from `op` downwards, 256 bytes ' +
    'each, zeros for an unknown one',
  startView: 'checkpoint record (256 bytes, docs/data-file.md), then headers from `op` downwards',
  headers: 'headers of prepares, descending',
  requestBlocks: '32 bytes for each block: address (u64), checksum (u128), zeros',
  block: 'the block',
  query: 'as in a request',
  queryReply: 'what the operation says; at most 64 KiB',
};

export const REFUSAL_MEANINGS: Readonly<Record<RefusalReason, string>> = {
  notPrimary: 'this replica is not the primary and knows of none: ask another',
  busy: "the primary's queue is full or waits too long, or nothing commits: try again later",
  invalid: 'no valid request of the state machine, or too large; every replica says the same',
  noQuorum: 'this replica has seen no quorum for some time (`timeout-quorum-loss`)',
  tooStale: 'a query: no answer that is fresh enough could be had here in time',
};

export const EVICTION_MEANINGS: Readonly<Record<EvictionReason, string>> = {
  noSession: 'no session of this client: evicted by newer ones, or never registered',
  sessionTooLow: 'the client has registered again since: this session is the older one',
  requestCollision: 'two requests with one number: two processes share a client id',
};

export const REJECTION_MEANINGS: Readonly<Record<RejectionReason, string>> = {
  wrongCluster: 'another cluster: check the addresses',
  wrongVersion: 'another version of this layout',
  wrongSizes: 'formatted with other sizes, or with another number of replicas',
  wrongMember: 'not the replica that belongs there',
  badMessage: 'bytes that are no message, or a message that has no business here',
  wrongMachine: 'it runs, or speaks to, another state machine',
};
