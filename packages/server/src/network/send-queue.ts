import { assert } from '@kimberlite/store';

/** What a socket offers to a queue. */
export interface Sink {
  cork(): void;
  uncork(): void;
  /** False when it holds enough for now; `drain` follows. */
  write(bytes: Uint8Array): boolean;
}

export interface SendLimits {
  readonly bytesMax: number;
  readonly messagesMax: number;
}

/**
 * Messages for one connection. All that is sent during a turn of the event loop leaves in one
 * writev at its end. A connection that doesn't keep up fills its queue, and what exceeds the
 * limits is dropped: the protocol sends again what still matters, and memory stays bounded.
 */
export class SendQueue {
  readonly #sink: Sink;
  readonly #limits: SendLimits;
  readonly #turn: TurnBatch;
  #messages: Uint8Array[];
  #bytes: number;
  /** The socket is full: wait for `onDrain`. */
  #blocked: boolean;
  #closed: boolean;

  constructor(sink: Sink, limits: SendLimits, turn: TurnBatch) {
    assert(limits.bytesMax > 0 && limits.messagesMax > 0, 'room for something');
    this.#sink = sink;
    this.#limits = limits;
    this.#turn = turn;
    this.#messages = [];
    this.#bytes = 0;
    this.#blocked = false;
    this.#closed = false;
  }

  /** False when the message was dropped. */
  push(bytes: Uint8Array): boolean {
    if (this.#closed) return false;
    // A message larger than the limit alone still goes out over an idle connection.
    const full = this.#messages.length > 0 && this.#bytes + bytes.length > this.#limits.bytesMax;
    if (full || this.#messages.length >= this.#limits.messagesMax) return false;
    this.#messages.push(bytes);
    this.#bytes += bytes.length;
    if (!this.#blocked && this.#messages.length === 1) this.#turn.add(this);
    return true;
  }

  /** Hands everything to the socket in one go. */
  flush(): void {
    if (this.#closed || this.#blocked || this.#messages.length === 0) return;
    const messages = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    this.#sink.cork();
    for (const message of messages) {
      if (!this.#sink.write(message)) this.#blocked = true;
    }
    this.#sink.uncork();
  }

  onDrain(): void {
    this.#blocked = false;
    this.flush();
  }

  close(): void {
    this.#closed = true;
    this.#messages = [];
    this.#bytes = 0;
  }
}

/** Flushes at the end of the turn every queue that got something during it. */
export class TurnBatch {
  #queues: SendQueue[];

  constructor() {
    this.#queues = [];
  }

  add(queue: SendQueue): void {
    this.#queues.push(queue);
    if (this.#queues.length === 1) setImmediate(() => this.flush());
  }

  flush(): void {
    const queues = this.#queues;
    this.#queues = [];
    for (const queue of queues) queue.flush();
  }
}
