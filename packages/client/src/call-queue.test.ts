import { type Call, randomReads, WORKLOAD_LARGE, weighCalls } from '@kimberlite/kernel';
import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { CallQueue } from './call-queue.ts';
import { ClientError } from './errors.ts';
import { type PendingCall, pendingCall } from './pending-call.ts';
import { QueueRoom } from './queue-room.ts';

const namespace = Uint8Array.of(110);
const key = Uint8Array.of(107);
const range: Call = {
  kind: 'range',
  namespace,
  from: new Uint8Array(0),
  to: null,
  limit: 1,
  keysOnly: true,
  bytesMax: 0,
};

function remove(count: number): Call {
  return { kind: 'delete', namespace, keys: Array.from({ length: count }, () => key) };
}

function makeQueue(): CallQueue {
  return new CallQueue(new QueueRoom({ callsMax: 100_000, bytesMax: 64 * 1024 * 1024 }));
}

function wait(queue: CallQueue, call: Call): PendingCall {
  const pending = pendingCall(call, {
    isQuery: false,
    signal: null,
    deadline: 1,
    now: 0,
    onSettledQueued: (settled) => queue.onSettled(settled),
  });
  queue.push(pending);
  return pending;
}

/** The calls of the requests into which these are put. */
function requestsOf(calls: readonly Call[]): Call[][] {
  const queue = makeQueue();
  for (const call of calls) wait(queue, call);
  const requests: Call[][] = [];
  while (queue.length > 0) requests.push(queue.take(256 * 1024).map(({ asked }) => asked.call));
  return requests;
}

describe('the queue of calls', () => {
  it('puts no more into a request than one may look at', () => {
    const sizes = (calls: Call[]): number[] => requestsOf(calls).map(({ length }) => length);
    expect(sizes(Array.from({ length: 9 }, () => remove(1024)))).toEqual([4, 4, 1]);
    const ranges = Array.from({ length: 100 }, () => range);
    expect(sizes([remove(64), ...ranges])).toEqual([63, 38]);
    expect(sizes([...ranges, remove(1), remove(100)])).toEqual([101, 1]);
  });

  it('makes requests that the kernel takes, whatever is asked, and keeps the order', () => {
    const prng = new Prng(5n);
    let several = 0;
    for (let round = 0; round < 50; round += 1) {
      const calls: Call[] = [];
      while (calls.length < 200) {
        calls.push(...randomReads(prng, { ...WORKLOAD_LARGE, count: 5 }));
      }
      const requests = requestsOf(calls);
      for (const request of requests) expect(weighCalls(request).sharable).toBe(true);
      expect(requests.flat()).toEqual(calls);
      if (requests.length > 1) several += 1;
    }
    expect(several).toBeGreaterThan(0);
  });

  it('holds little of what was taken or given up, however long something waits behind it', () => {
    const value = new Uint8Array(60_000);
    const large: Call = { kind: 'put', namespace, key, value, previousBytesMax: null };
    const queue = makeQueue();
    const first = wait(queue, large);
    const gone = new ClientError({ code: 'aborted', message: 'enough', definite: true });
    let heldMost = 0;
    for (let round = 0; round < 500; round += 1) {
      // One behind it always waits, so the queue is never empty.
      const given = wait(queue, large);
      wait(queue, large);
      given.promise.catch(() => {});
      given.reject(gone);
      expect(queue.take(100_000)).toHaveLength(1);
      heldMost = Math.max(heldMost, queue.heldBytes);
    }
    expect(first.state).toBe('sent');
    expect(queue.length).toBe(1);
    expect(heldMost).toBeGreaterThan(1_000_000);
    expect(heldMost).toBeLessThan(5_000_000);
  });

  it('puts what was turned away in front again, and no call twice', () => {
    const queue = makeQueue();
    const calls = Array.from({ length: 5 }, (_, index) => wait(queue, remove(1 + index)));
    const taken = queue.take(1_000_000);
    expect(taken).toEqual(calls);
    const later = wait(queue, range);
    queue.unshift(taken.slice(2));
    queue.unshift(taken.slice(0, 2));
    expect(queue.length).toBe(6);
    expect(queue.take(1_000_000)).toEqual([...calls, later]);
    expect(queue.length).toBe(0);
    expect(queue.heldBytes).toBe(0);
  });
});
