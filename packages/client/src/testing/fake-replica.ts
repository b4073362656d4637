import { createServer, type Server, type Socket } from 'node:net';
import {
  type Call,
  callReplyLimit,
  decodeCalls,
  encodeResults,
  KERNEL_NAME,
  type Result,
  refused,
  refusedNumber,
} from '@kimberlite/kernel';
import {
  type AnyMessage,
  assert,
  CONFIG_DEFAULT,
  type Command,
  EVICTION_REASONS,
  type EvictionReason,
  encodeMessage,
  type FieldsToSend,
  FrameDecoder,
  HELLO_ROLES,
  isCommand,
  type Message,
  machineNameHash,
  OPERATION_REGISTER,
  Op,
  REFUSAL_REASONS,
  REJECTION_REASONS,
  type RefusalReason,
  type RejectionReason,
  sizesOf,
  View,
} from '@kimberlite/vsr';
import { sha256 } from '../checksum.ts';

/** What fake replicas of one cluster share: the view, and one key-value state. */
export class FakeCluster {
  readonly cluster: bigint;
  readonly replicaCount: number;
  /** Name of the state machine that it greets with. */
  machine: string;
  view: number;
  messageSizeMax: number;
  /** Every user request that was executed, as its calls. */
  readonly executed: (readonly Call[])[];
  readonly values: Map<string, { readonly value: Uint8Array; readonly revision: number }>;
  revision: number;
  sessions: number;
  /** What answers say they are of. */
  op: number;

  constructor(options: { readonly cluster?: bigint; readonly replicaCount?: number } = {}) {
    this.cluster = options.cluster ?? 77n;
    this.replicaCount = options.replicaCount ?? 1;
    this.machine = KERNEL_NAME;
    this.view = 0;
    this.messageSizeMax = 256 * 1024;
    this.executed = [];
    this.values = new Map();
    this.revision = 0;
    this.sessions = 0;
    this.op = 1;
  }

  execute(calls: readonly Call[]): Uint8Array {
    this.executed.push(calls);
    return encodeResults(calls.map((call) => this.executeOne(call)));
  }

  private executeOne(call: Call): Result {
    assert(callReplyLimit(call) > 0, 'each call has a reply limit');
    switch (call.kind) {
      case 'put': {
        this.revision += 1;
        this.values.set(keyOf(call.key), { value: call.value, revision: this.revision });
        return { kind: 'put', revision: this.revision, previous: null };
      }
      case 'get': {
        const entry = this.values.get(keyOf(call.key));
        if (entry === undefined) return { kind: 'get', record: null };
        const { value, revision } = entry;
        const record = {
          value: value.length <= call.bytesMax ? value : null,
          valueSize: value.length,
          createRevision: revision,
          modRevision: revision,
          version: 1,
        };
        return { kind: 'get', record };
      }
      case 'getAt':
        return refusedNumber('compacted', 5);
      case 'rangeAt': {
        const reached = call.from.length === 0 ? Buffer.from('m') : null;
        return { kind: 'rangeAt', entries: [], more: reached !== null, reached };
      }
      case 'compact':
        if (call.revision > 9) return refusedNumber('future_revision', 9);
        return { kind: 'compact', watermark: call.revision };
      case 'streamLength':
        return refused('unknown_stream');
      case 'txn':
        return refused('compare_failed');
      case 'streamAppend':
        return { kind: 'refused', reason: 'wrong_offset', actual: 12 };
      default:
        return refused('invalid');
    }
  }
}

function keyOf(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

/** The same for a query. */
export type QueryScript = (query: Message<'query'>, peer: FakeReplica, socket: Socket) => void;

/** Decides what becomes of a user request; the default is `answer`. */
export type Script = (request: Message<'request'>, peer: FakeReplica, socket: Socket) => void;

/**
 * A peer on a real loopback socket that speaks the binary protocol and does what a test tells it
 * to. It replicates nothing.
 */
export class FakeReplica {
  readonly cluster: FakeCluster;
  readonly slot: number;
  /** Every request that arrived, registers included. */
  readonly received: Message<'request'>[];
  /** Null: greets. A reason: refuses every greeting. `silent`: never answers one. */
  greeting: RejectionReason | 'silent' | 'garbage' | null;
  script: Script;
  onRegister: Script;
  onQuery: QueryScript;
  /** Every query that arrived. */
  readonly queries: Message<'query'>[];
  private readonly server: Server;
  private readonly sockets: Set<Socket>;
  private portNow: number;

  constructor(cluster: FakeCluster, slot = 0) {
    this.cluster = cluster;
    this.slot = slot;
    this.received = [];
    this.greeting = null;
    this.script = (request, peer, socket) => peer.answer(request, socket);
    this.onRegister = (request, peer, socket) => peer.answer(request, socket);
    this.onQuery = (query, peer, socket) => peer.answerQuery(query, socket);
    this.queries = [];
    this.sockets = new Set();
    this.server = createServer({ noDelay: true }, (socket) => this.accept(socket));
    this.portNow = 0;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.portNow}`;
  }

  connections(): number {
    return this.sockets.size;
  }

  /** Listens on a free port, or again on the one it had. */
  async start(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.server.listen({ host: '127.0.0.1', port: this.portNow }, () => resolve());
    });
    const address = this.server.address();
    assert(address !== null && typeof address === 'object', 'bound to a port');
    this.portNow = address.port;
    return this;
  }

  /** Breaks every connection, as a crash would. */
  breakAll(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** Reads nothing more of what is sent to it, */
  pause(): void {
    for (const socket of this.sockets) socket.pause();
  }

  /** until now. */
  resume(): void {
    for (const socket of this.sockets) socket.resume();
  }

  async stop(): Promise<void> {
    this.breakAll();
    if (!this.server.listening) return;
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
  }

  /** Executes a request and replies. */
  answer(request: Message<'request'>, socket: Socket): void {
    const { header } = request;
    const registers = header.operation === OPERATION_REGISTER;
    if (registers) this.cluster.sessions += 1;
    const calls = registers ? null : decodeCalls(request.body);
    assert(registers || calls !== null, 'a request of the kernel');
    const fields = {
      ...this.author(),
      client: header.client,
      requestChecksum: header.checksum,
      session: registers ? 1000 + this.cluster.sessions : header.session,
      op: Op(this.cluster.op),
      timestamp: 1,
      index: 0,
      request: header.request,
      operation: header.operation,
    };
    const body = calls === null ? new Uint8Array(0) : this.cluster.execute(calls);
    this.send(socket, 'reply', fields, body);
  }

  /** Answers a query from the shared state. */
  answerQuery(query: Message<'query'>, socket: Socket): void {
    const calls = decodeCalls(query.body);
    assert(calls !== null, 'a query of the kernel');
    this.answerQueryWith(query, socket, this.cluster.execute(calls));
  }

  /** Answers a query of any state machine. */
  answerQueryWith(query: Message<'query'>, socket: Socket, body: Uint8Array): void {
    const { client, checksum, query: number } = query.header;
    const op = Op(Math.max(query.header.floor, this.cluster.op));
    const fields = { ...this.author(), client, queryChecksum: checksum, query: number, op };
    this.send(socket, 'queryReply', fields, body);
  }

  refuse(
    { header }: Message<'request'> | Message<'query'>,
    socket: Socket,
    reason: RefusalReason,
  ): void {
    const { client, checksum } = header;
    const number = header.command === 'request' ? header.request : 0;
    const fields = {
      ...this.author(),
      client,
      requestChecksum: checksum,
      request: number,
      reason: REFUSAL_REASONS[reason],
    };
    this.send(socket, 'refusal', fields, null);
  }

  /** On every connection, as a replica does that two endpoints name. */
  refuseEverywhere(request: Message<'request'>, reason: RefusalReason): void {
    for (const socket of this.sockets) this.refuse(request, socket, reason);
  }

  evict(request: Message<'request'>, socket: Socket, reason: EvictionReason): void {
    const { client, session, request: number } = request.header;
    const fields = {
      ...this.author(),
      client,
      session,
      request: number,
      reason: EVICTION_REASONS[reason],
    };
    this.send(socket, 'eviction', fields, null);
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    const decoder = new FrameDecoder({ messageSizeMax: 1024 * 1024, checksum: sha256 });
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      for (;;) {
        const result = decoder.next();
        if (result === null) return;
        assert(typeof result !== 'string', 'the client sends whole messages');
        this.onMessage(result, socket);
      }
    });
  }

  private onMessage(message: AnyMessage, socket: Socket): void {
    if (isCommand(message, 'hello')) this.onHello(message, socket);
    if (isCommand(message, 'query')) {
      this.queries.push(message);
      this.onQuery(message, this, socket);
    }
    if (!isCommand(message, 'request')) return;
    this.received.push(message);
    if (message.header.operation === OPERATION_REGISTER) this.onRegister(message, this, socket);
    else this.script(message, this, socket);
  }

  private onHello(message: Message<'hello'>, socket: Socket): void {
    const wrong = message.header.cluster !== this.cluster.cluster;
    const greeting = this.greeting ?? (wrong ? 'wrongCluster' : null);
    if (greeting === 'silent') return;
    if (greeting === 'garbage') {
      socket.end(`HTTP/1.1 400 Bad Request\r\n${'x'.repeat(300)}`);
      return;
    }
    if (greeting !== null) {
      const fields = { ...this.author(), reason: REJECTION_REASONS[greeting] };
      this.send(socket, 'rejection', fields, null);
      socket.end();
      return;
    }
    this.send(
      socket,
      'hello',
      {
        ...this.author(),
        member: 1n,
        role: HELLO_ROLES.replica,
        replicaCount: this.cluster.replicaCount,
        ...sizesOf({ ...CONFIG_DEFAULT, messageSizeMax: this.cluster.messageSizeMax }),
        machine: 7n,
        machineName: machineNameHash(this.cluster.machine, sha256),
      },
      null,
    );
  }

  private author(): {
    readonly cluster: bigint;
    readonly replica: number;
    readonly view: View;
    readonly release: number;
    readonly incarnation: bigint;
  } {
    return {
      cluster: this.cluster.cluster,
      replica: this.slot,
      view: View(this.cluster.view),
      release: 256,
      incarnation: 9n,
    };
  }

  private send<C extends Command>(
    socket: Socket,
    command: C,
    fields: FieldsToSend<C>,
    body: Uint8Array | null,
  ): void {
    if (socket.writable) socket.write(encodeMessage(command, fields, body, sha256).bytes);
  }
}
