import {
  type AnyMessage,
  assert,
  EVICTION_REASONS,
  encodeMessage,
  isCommand,
  type Message,
  OPERATION_REGISTER,
  Op,
  Prng,
  REFUSAL_REASONS,
  type RefusalReason,
  View,
} from '@kimberlite/vsr';
import { sha256 } from '../checksum.ts';
import { OperationRequests } from '../operation-requests.ts';
import type { Outlook } from '../outlook.ts';

const FACTS = { cluster: 1n, replicaCount: 2, bodyMax: 4096 };
const AUTHOR = { cluster: 1n, replica: 0, view: View(0), release: 1, incarnation: 9n };
const TICK = 10;

/** How a request ended: `reply` or `error` once it has, both null before. */
export interface RequestOutcome {
  reply: unknown;
  error: unknown;
}

/**
 * The requests of one client and two replicas that do what a test says, without sockets, on one
 * clock by hand. What they say arrives at `settle`.
 */
export class RequestStage {
  readonly requests: OperationRequests;
  /** Copies of requests that they got, registers apart. */
  readonly copies: Message<'request'>[];
  readonly registers: Message<'request'>[];
  /** What becomes of a register; answered where a test says nothing else. */
  onRegister: (register: Message<'request'>) => void;
  /** What becomes of any other copy; nothing where a test says nothing else. */
  onCopy: (copy: Message<'request'>) => void;
  private readonly connected: Set<number>;
  /** What they have said, until it arrives. */
  private readonly inbox: AnyMessage[];
  private millis: number;

  constructor(limits: { readonly callsMax: number; readonly bytesMax: number }) {
    this.copies = [];
    this.registers = [];
    this.onRegister = (register) => this.reply(register);
    this.onCopy = () => {};
    this.connected = new Set([0, 1]);
    this.inbox = [];
    this.millis = 0;
    this.requests = new OperationRequests({
      links: {
        send: (slot, message) => this.onSend(slot, message),
        connected: () => [...this.connected],
        now: () => this.millis,
      },
      prng: new Prng(7n),
      release: 1,
      limits,
      onReady: () => this.requests.flush(FACTS),
      onSeen: () => {},
    });
  }

  /** Asks, and sends what may be sent. */
  ask(
    operation: number,
    options: {
      readonly size?: number;
      readonly timeout?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): RequestOutcome {
    const { size = 1, timeout = 60_000, signal = null } = options;
    const outcome: RequestOutcome = { reply: null, error: null };
    const asked = { operation, body: new Uint8Array(size) };
    this.requests.ask(asked, { timeout, signal }).then(
      (reply) => {
        outcome.reply = reply;
      },
      (error: unknown) => {
        outcome.error = error;
      },
    );
    this.requests.flush(FACTS);
    return outcome;
  }

  /** Delivers what the replicas have said, until nothing more comes, and tells those who asked. */
  async settle(): Promise<void> {
    for (let said = this.inbox.shift(); said !== undefined; said = this.inbox.shift()) {
      this.requests.onMessage(said);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets so many milliseconds pass, as a client does. */
  async pass(millis: number): Promise<void> {
    for (const end = this.millis + millis; this.millis < end; ) {
      this.millis += TICK;
      this.requests.onTick();
      this.requests.endOverdue(this.outlook(), this.millis);
      this.requests.flush(FACTS);
      await this.settle();
    }
  }

  /** Breaks the connections to all replicas, with what is on its way to the client. */
  disconnect(): void {
    this.inbox.length = 0;
    for (const slot of [...this.connected]) {
      this.connected.delete(slot);
      this.requests.onDisconnect(slot);
    }
  }

  connect(): void {
    for (const slot of [0, 1]) {
      this.connected.add(slot);
      this.requests.onConnect(slot);
    }
    this.requests.flush(FACTS);
  }

  /** It was executed. */
  reply({ header }: Message<'request'>): void {
    this.inbox.push(
      encodeMessage(
        'reply',
        {
          ...AUTHOR,
          client: header.client,
          requestChecksum: header.checksum,
          session: header.operation === OPERATION_REGISTER ? 1000 : header.session,
          op: Op(1),
          timestamp: 1,
          index: 0,
          request: header.request,
          operation: header.operation,
        },
        new Uint8Array(0),
        sha256,
      ) as AnyMessage, // SAFETY: of one command.
    );
  }

  refuse({ header }: Message<'request'>, reason: RefusalReason): void {
    const { client, checksum: requestChecksum, request } = header;
    const fields = { ...AUTHOR, client, requestChecksum, request, reason: REFUSAL_REASONS[reason] };
    // SAFETY: of one command.
    this.inbox.push(encodeMessage('refusal', fields, null, sha256) as AnyMessage);
  }

  evict({ header }: Message<'request'>): void {
    const { client, session, request } = header;
    const fields = { ...AUTHOR, client, session, request, reason: EVICTION_REASONS.noSession };
    // SAFETY: of one command.
    this.inbox.push(encodeMessage('eviction', fields, null, sha256) as AnyMessage);
  }

  /** The newest copy. */
  newest(): Message<'request'> {
    const copy = this.copies.at(-1);
    assert(copy !== undefined, 'something was sent');
    return copy;
  }

  /** Operations in the order in which they were first sent. */
  operations(): number[] {
    return [...new Set(this.copies.map(({ header }) => header.operation))];
  }

  private outlook(): Outlook {
    return {
      connected: this.connected.size > 0,
      code: this.connected.size > 0 ? 'timeout' : 'unreachable',
      message: 'no replica could be reached',
      isHopeless: () => false,
    };
  }

  private onSend(slot: number, message: AnyMessage): 'sent' | 'unsent' {
    if (!this.connected.has(slot)) return 'unsent';
    assert(isCommand(message, 'request'), 'a session sends requests');
    if (message.header.operation === OPERATION_REGISTER) {
      this.registers.push(message);
      this.onRegister(message);
    } else {
      this.copies.push(message);
      this.onCopy(message);
    }
    return 'sent';
  }
}
