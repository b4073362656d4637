import { type Call, randomReads, WORKLOAD_LARGE, weighCalls } from '@kimberlite/kernel';
import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { CallQueue } from './call-queue.ts';
import { pendingCall } from './pending-call.ts';
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

/** The calls of the requests into which these are put. */
function requestsOf(calls: readonly Call[]): Call[][] {
  const queue = new CallQueue(new QueueRoom({ callsMax: 100_000, bytesMax: 64 * 1024 * 1024 }));
  for (const call of calls) {
    queue.push(
      pendingCall(call, {
        isQuery: false,
        signal: null,
        deadline: 1,
        now: 0,
        onSettledQueued: () => {},
      }),
    );
  }
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
});
