import { describe, expect, it } from 'vitest';
import { SendQueue, type Sink, TurnBatch } from './send-queue.ts';

/** A socket that takes `room` bytes before it is full. */
class PipeSink implements Sink {
  readonly flushes: Uint8Array[][] = [];
  room: number;
  #corked: Uint8Array[] | null = null;

  constructor(room: number) {
    this.room = room;
  }

  cork(): void {
    this.#corked = [];
  }

  uncork(): void {
    if (this.#corked !== null) this.flushes.push(this.#corked);
    this.#corked = null;
  }

  write(bytes: Uint8Array): boolean {
    this.#corked?.push(bytes);
    this.room -= bytes.length;
    return this.room > 0;
  }
}

const LIMITS = { bytesMax: 1000, messagesMax: 5 };

function bytes(length: number): Uint8Array {
  return new Uint8Array(length);
}

describe('SendQueue', () => {
  it('sends all of a turn in one go, in order', async () => {
    const sink = new PipeSink(1e9);
    const queue = new SendQueue(sink, LIMITS, new TurnBatch());
    const messages = [bytes(1), bytes(2), bytes(3)];
    for (const message of messages) expect(queue.push(message)).toBe(true);
    expect(sink.flushes).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.flushes).toEqual([messages]);
    queue.push(bytes(4));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.flushes.length).toBe(2);
  });

  it('drops what exceeds the limits while the socket is full', () => {
    const sink = new PipeSink(1);
    const turn = new TurnBatch();
    const queue = new SendQueue(sink, LIMITS, turn);
    queue.push(bytes(10));
    turn.flush();
    let taken = 0;
    for (let count = 0; count < 100; count += 1) if (queue.push(bytes(300))) taken += 1;
    expect(taken).toBe(3);
    turn.flush();
    expect(sink.flushes.length).toBe(1);
    queue.onDrain();
    expect(sink.flushes.length).toBe(2);
    expect(sink.flushes[1]?.map(({ length }) => length)).toEqual([300, 300, 300]);
  });

  it('bounds the number of messages', () => {
    const turn = new TurnBatch();
    const queue = new SendQueue(new PipeSink(1), LIMITS, turn);
    queue.push(bytes(1));
    turn.flush();
    const taken = Array.from({ length: 20 }, () => queue.push(bytes(1))).filter(Boolean).length;
    expect(taken).toBe(LIMITS.messagesMax);
  });

  it('lets one message above the limit through when nothing else waits', () => {
    const turn = new TurnBatch();
    const queue = new SendQueue(new PipeSink(1e9), LIMITS, turn);
    expect(queue.push(bytes(5000))).toBe(true);
    expect(queue.push(bytes(1))).toBe(false);
  });

  it('sends nothing after it was closed', () => {
    const sink = new PipeSink(1e9);
    const turn = new TurnBatch();
    const queue = new SendQueue(sink, LIMITS, turn);
    queue.push(bytes(1));
    queue.close();
    turn.flush();
    expect(queue.push(bytes(1))).toBe(false);
    expect(sink.flushes).toEqual([]);
  });
});
