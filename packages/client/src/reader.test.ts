import { type Call, decodeCalls, encodeResults, type Result } from '@kimberlite/kernel';
import {
  type AnyMessage,
  ClientId,
  encodeMessage,
  isCommand,
  type Message,
  Op,
  Prng,
  View,
} from '@kimberlite/vsr';
import { expect, it } from 'vitest';
import { toBytes } from './bytes.ts';
import { sha256 } from './checksum.ts';
import { pendingCall } from './pending-call.ts';
import type { ReadMode } from './read-mode.ts';
import { Reader } from './reader.ts';

const FACTS = { cluster: 1n, replicaCount: 3, bodyMax: 4096 };
const MODE: ReadMode = { level: 'local', lagMax: 0, prefer: 'nearest' };
const CALL: Call = {
  kind: 'get',
  namespace: toBytes('default', 'a namespace'),
  key: toBytes('k', 'a key'),
  bytesMax: 10,
};
const ABSENT: Result = { kind: 'get', record: null };

/** A reader and replicas that answer after so many milliseconds each, on one clock by hand. */
class Stage {
  readonly millis: number[];
  readonly reader: Reader;
  private now = 0;
  private pending: { readonly at: number; readonly reply: AnyMessage }[] = [];
  private firstAsked: number | null = null;

  constructor(millis: readonly number[]) {
    this.millis = [...millis];
    this.reader = new Reader({
      links: {
        send: (slot, message) => this.onSend(slot, message),
        connected: () => this.millis.map((_, slot) => slot),
        now: () => this.now,
      },
      onReady: () => {},
      client: ClientId(9n),
      prng: new Prng(7n),
      release: 1,
      limits: { callsMax: 10, bytesMax: 1000 },
    });
  }

  /** Reads once; which replica was asked first, and how long it took. */
  read(): { readonly first: number | null; readonly took: number } {
    const begun = this.now;
    this.firstAsked = null;
    const call = pendingCall(CALL, {
      isQuery: true,
      signal: null,
      deadline: begun + 10_000,
      now: begun,
      onSettledQueued: () => {},
    });
    this.reader.push(call, MODE);
    this.reader.flush(FACTS);
    for (; call.state !== 'settled'; this.now += 1) {
      if (this.now % 10 === 0) this.reader.onTick();
      const due = this.pending.filter(({ at }) => at <= this.now);
      this.pending = this.pending.filter(({ at }) => at > this.now);
      for (const { reply } of due) this.reader.onMessage(reply);
    }
    return { first: this.firstAsked, took: this.now - begun };
  }

  private onSend(slot: number, message: AnyMessage): 'sent' {
    this.firstAsked ??= slot;
    if (isCommand(message, 'query')) {
      const after = this.millis[slot] ?? 0;
      this.pending.push({ at: this.now + after, reply: replyTo(message, slot) });
    }
    return 'sent';
  }
}

function replyTo({ header, body }: Message<'query'>, slot: number): AnyMessage {
  const calls = decodeCalls(body) ?? [];
  return encodeMessage(
    'queryReply',
    {
      cluster: FACTS.cluster,
      replica: slot,
      view: View(0),
      release: 1,
      incarnation: 0n,
      client: header.client,
      queryChecksum: header.checksum,
      query: header.query,
      op: Op(1),
    },
    encodeResults(calls.map(() => ABSENT)),
    sha256,
  ) as AnyMessage; // SAFETY: of one command.
}

function shareOf(reads: readonly { readonly first: number | null }[], slot: number): number {
  return reads.filter(({ first }) => first === slot).length / reads.length;
}

it('goes to the replica that answers fastest, and leaves one that has become slow', () => {
  const stage = new Stage([1, 4, 4]);
  const many = (): ReturnType<Stage['read']>[] => Array.from({ length: 200 }, () => stage.read());
  many();
  expect(shareOf(many(), 0)).toBeGreaterThan(0.9);
  // It still answers, after others have been asked: so nobody says that it is gone.
  stage.millis[0] = 400;
  const slow = many();
  expect(shareOf(slow, 0)).toBeLessThan(0.1);
  expect(slow.filter(({ took }) => took > 20).length).toBeLessThan(20);
  stage.millis[0] = 1;
  many();
  for (let round = 0; round < 10; round += 1) many();
  expect(shareOf(many(), 0)).toBeGreaterThan(0.9);
});

it('bounds what waits of a level, whatever the bound and the preference of each read', () => {
  const { reader } = new Stage([1]);
  const bounded = (lagMax: number): ReadMode => ({ level: 'bounded', lagMax, prefer: 'nearest' });
  for (let lagMax = 1; lagMax <= 10; lagMax += 1) {
    const mode = bounded(lagMax);
    expect(reader.hasRoom(mode, 0)).toBe(true);
    reader.push(
      pendingCall(CALL, {
        isQuery: true,
        signal: null,
        deadline: 10_000,
        now: 0,
        onSettledQueued: (settled) => reader.onSettled(settled, mode),
      }),
      mode,
    );
  }
  expect(reader.hasRoom(bounded(11), 0)).toBe(false);
  expect(reader.hasRoom(MODE, 0)).toBe(true);
  reader.flush(FACTS);
  expect(reader.queued()).toBe(0);
  expect(reader.hasRoom(bounded(11), 0)).toBe(true);
});
