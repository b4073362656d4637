import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prng } from '../../std/prng.ts';
import {
  ANSWERS_TO_RECOVER,
  EWMA_ALPHA,
  EXPERIMENT_CHANCE,
  MAX_INFLIGHT_PER_REPLICA,
  RepairBudget,
  type RepairRequest,
} from './repair-budget.ts';

const EXPIRY = 50;
const LARGE_EXPIRY = 200;

function budgetOf(replicaCount: number, self = 0): RepairBudget {
  const ticks = { expiryTicks: EXPIRY, largeExpiryTicks: LARGE_EXPIRY };
  return new RepairBudget({ self, replicaCount, ...ticks });
}

const SMALL = { what: 'prepares', opStart: 1, opEnd: 2 } as const;
const BLOCKS = { what: 'blocks', opStart: 7, opEnd: 8 } as const;
const RANGE = { what: 'prepares', opStart: 1, opEnd: 9 } as const;

/** A request for one thing of that name. */
function wanted(key: string): RepairRequest {
  return { what: 'prepares', key, opStart: 1, opEnd: 2 };
}

/** Gives a peer the latency that many samples of `ticks` lead to. */
function train(budget: RepairBudget, replica: number, ticks: number): void {
  for (let round = 0; round < 60; round += 1) {
    budget.recordRepairSent(replica, wanted(`train ${replica}`), 0);
    budget.recordRepairCompleted(`train ${replica}`, ticks);
  }
}

/** How often each replica is chosen in many draws, with nothing in flight. */
function choices(budget: RepairBudget, draws: number): Map<number, number> {
  const prng = new Prng(11n);
  const counts = new Map<number, number>();
  for (let draw = 0; draw < draws; draw += 1) {
    const chosen = budget.selectReplica(prng);
    if (chosen !== null) counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
  }
  return counts;
}

const clusters = fc.integer({ min: 2, max: 10 });
const seeds = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

describe('repair budget', () => {
  it('starts empty, without oneself', () => {
    const budget = budgetOf(3, 1);
    expect(budget.availableSlots()).toBe(2 * MAX_INFLIGHT_PER_REPLICA);
    expect(budget.availableSlots()).toBeGreaterThan(0);
    expect([...choices(budget, 500).keys()].sort((a, b) => a - b)).toEqual([0, 2]);
    const alone = budgetOf(1);
    expect(alone.availableSlots()).toBe(0);
    expect(alone.selectReplica(new Prng(1n))).toBeNull();
  });

  it('prefers the fastest nine times in ten, and tries the others in the rest', () => {
    const budget = budgetOf(4);
    train(budget, 1, 20);
    train(budget, 2, 2);
    train(budget, 3, 20);
    const draws = 20_000;
    const counts = choices(budget, draws);
    const fastest = (counts.get(2) ?? 0) / draws;
    const expected = 1 - EXPERIMENT_CHANCE + EXPERIMENT_CHANCE / 3;
    expect(Math.abs(fastest - expected)).toBeLessThan(0.01);
    for (const other of [1, 3]) {
      expect(Math.abs((counts.get(other) ?? 0) / draws - EXPERIMENT_CHANCE / 3)).toBeLessThan(0.01);
    }
  });

  it('takes a request for blocks as done when each of them has come, from whomever', () => {
    const budget = budgetOf(3);
    const ask = (replica: number, addresses: readonly number[]): void => {
      const first = addresses[0] ?? 0;
      const range = { opStart: first, opEnd: first + 1 };
      const request = { what: 'blocks', key: `block:${first}`, ...range, addresses } as const;
      budget.recordRepairSent(replica, request, 0);
    };
    ask(1, [5, 900, 7]);
    ask(2, [8]);
    for (const address of [5, 7, 8, 900]) expect(budget.isBlockAwaited(address)).toBe(true);
    expect(budget.isBlockAwaited(6)).toBe(false);
    budget.recordBlockCame(900, 1);
    budget.recordBlockCame(5, 2);
    budget.recordBlockCame(5, 3);
    expect(budget.isBlockAwaited(900)).toBe(false);
    expect(budget.inFlightCount()).toBe(2);
    budget.recordBlockCame(7, 4);
    expect(budget.inFlightCount()).toBe(1);
    expect(budget.isInFlight('block:8')).toBe(true);
    budget.clear();
    expect(budget.isBlockAwaited(8)).toBe(false);
  });

  it('passes over who did not answer for a block, until nobody did', () => {
    const budget = budgetOf(3);
    const key = 'block:5';
    const prng = new Prng(3n);
    const fail = (replica: number): void => {
      const range = { opStart: 5, opEnd: 6, addresses: [5] };
      budget.recordRepairSent(replica, { what: 'blocks', key, ...range }, 0);
      budget.recordRepairExpired(replica, key);
    };
    train(budget, 1, 1);
    train(budget, 2, 20);
    fail(1);
    for (let draw = 0; draw < 50; draw += 1) expect(budget.selectReplicaFor(key, prng)).toBe(2);
    budget.recordRepairSent(2, { what: 'headers', key: 'other', opStart: 1, opEnd: 2 }, 0);
    budget.recordRepairSent(2, { what: 'headers', key: 'more', opStart: 1, opEnd: 2 }, 0);
    expect(budget.selectReplicaFor(key, prng)).toBeNull();
    expect(budget.selectReplicaFor('block:6', prng)).toBe(1);
    budget.recordRepairCompleted('other', 1);
    fail(2);
    const chosen = new Set(Array.from({ length: 200 }, () => budget.selectReplicaFor(key, prng)));
    expect(chosen.has(1)).toBe(true);
  });

  it('draws among equally fast ones', () => {
    const counts = choices(budgetOf(4), 3000);
    for (const replica of [1, 2, 3]) {
      expect(Math.abs((counts.get(replica) ?? 0) - 1000)).toBeLessThan(120);
    }
  });

  it('never lets more than two be in flight to one peer', () => {
    const budget = budgetOf(2);
    for (let request = 0; request < MAX_INFLIGHT_PER_REPLICA; request += 1) {
      expect(budget.selectReplica(new Prng(1n))).toBe(1);
      budget.recordRepairSent(1, wanted(`op ${request}`), 0);
    }
    expect(budget.selectReplica(new Prng(1n))).toBeNull();
    expect(budget.availableSlots()).toBe(0);
    expect(() => budget.recordRepairSent(1, wanted('one more'), 0)).toThrow(
      'the peer was selected',
    );
    expect(() => budget.recordRepairSent(0, wanted('oneself'), 0)).toThrow('the peer was selected');
  });

  it('passes over a peer at its limit, however fast', () => {
    const budget = budgetOf(3);
    train(budget, 1, 1);
    train(budget, 2, 40);
    budget.recordRepairSent(1, wanted('a'), 0);
    budget.recordRepairSent(1, wanted('b'), 0);
    expect([...choices(budget, 100).keys()]).toEqual([2]);
  });

  it('follows latencies by a fifth of each new sample', () => {
    const budget = budgetOf(3);
    const before = budget.latency(1);
    budget.recordRepairSent(1, wanted('a'), 100);
    budget.recordRepairCompleted('a', 111);
    expect(budget.latency(1)).toBeCloseTo(before * (1 - EWMA_ALPHA) + 11 * EWMA_ALPHA, 10);
    expect(budget.latency(2)).toBe(before);
    train(budget, 2, 7);
    expect(budget.latency(2)).toBeCloseTo(7, 3);
  });

  it('ends a request everywhere with its first answer', () => {
    const budget = budgetOf(3);
    budget.recordRepairSent(1, wanted('a'), 0);
    budget.recordRepairSent(2, wanted('a'), 0);
    expect(budget.isInFlight('a')).toBe(true);
    budget.recordRepairCompleted('a', 4);
    expect(budget.isInFlight('a')).toBe(false);
    expect(budget.availableSlots()).toBe(4);
    // What nobody asked for changes nothing.
    const latency = budget.latency(1);
    budget.recordRepairCompleted('a', 400);
    expect(budget.latency(1)).toBe(latency);
  });

  it('gives up requests that are too old, and only those', () => {
    const budget = budgetOf(3);
    budget.recordRepairSent(1, wanted('old'), 10);
    budget.recordRepairSent(1, wanted('young'), 11);
    expect(budget.expireStaleRequests(10 + EXPIRY - 1)).toEqual([]);
    expect(budget.expireStaleRequests(10 + EXPIRY)).toEqual([
      { replica: 1, key: 'old', large: false, opStart: 1, opEnd: 2 },
    ]);
    expect(budget.isInFlight('old')).toBe(false);
    expect(budget.isInFlight('young')).toBe(true);
    // Its place is free again, but the peer that lost one is asked for one thing at a time.
    expect(budget.availableSlots()).toBe(2);
    budget.recordRepairCompleted('young', 20);
    expect(budget.availableSlots()).toBe(3);
  });

  it('counts the free places over all peers', () => {
    const budget = budgetOf(4);
    expect(budget.availableSlots()).toBe(6);
    budget.recordRepairSent(1, wanted('a'), 0);
    budget.recordRepairSent(2, wanted('b'), 0);
    budget.recordRepairSent(1, wanted('c'), 0);
    expect(budget.availableSlots()).toBe(3);
    budget.recordRepairCompleted('a', 1);
    expect(budget.availableSlots()).toBe(4);
    budget.clear();
    expect(budget.availableSlots()).toBe(6);
  });

  it('charges an expired request with a sample of twice the latency', () => {
    const budget = budgetOf(3);
    train(budget, 1, 10);
    const before = budget.latency(1);
    budget.recordRepairSent(1, wanted('a'), 0);
    budget.expireStaleRequests(EXPIRY);
    expect(budget.latency(1)).toBeCloseTo(before * (1 + EWMA_ALPHA), 10);
  });

  it('lets a peer that never answers come back', () => {
    const budget = budgetOf(3);
    for (let round = 0; round < 200; round += 1) {
      budget.recordRepairSent(1, wanted('a'), round * EXPIRY);
      budget.expireStaleRequests((round + 1) * EXPIRY);
    }
    // Bounded: a few dozen good answers are enough to be the fastest again.
    train(budget, 1, 0);
    expect(budget.latency(1)).toBeLessThan(1);
  });
});

describe('repair budget, following the network', () => {
  it('asks a peer that let a request expire for one thing at a time until it has answered', () => {
    const budget = budgetOf(2);
    budget.recordRepairSent(1, wanted('lost'), 0);
    budget.expireStaleRequests(EXPIRY);
    for (let answer = 0; answer < ANSWERS_TO_RECOVER; answer += 1) {
      expect(budget.availableSlots()).toBe(1);
      budget.recordRepairSent(1, wanted('a'), 100);
      expect(budget.selectReplica(new Prng(1n))).toBeNull();
      budget.recordRepairCompleted('a', 101);
    }
    expect(budget.availableSlots()).toBe(MAX_INFLIGHT_PER_REPLICA);
  });

  it('takes silence of a fast peer for a loss sooner, never before a fifth of the expiry', () => {
    const budget = budgetOf(3);
    expect(budget.expiryOf(1, SMALL)).toBe(EXPIRY);
    train(budget, 1, 1);
    expect(budget.expiryOf(1, SMALL)).toBe(EXPIRY / 5);
    expect(budget.expiryOf(2, SMALL)).toBe(EXPIRY);
    budget.recordRepairSent(1, wanted('a'), 0);
    expect(budget.expireStaleRequests(EXPIRY / 5 - 1)).toEqual([]);
    expect(budget.expireStaleRequests(EXPIRY / 5)).toHaveLength(1);
    train(budget, 2, 40);
    expect(budget.expiryOf(2, SMALL)).toBe(EXPIRY);
  });

  it('waits longer for much at once, and learns of it apart from the rest', () => {
    const budget = budgetOf(2);
    const size = { key: 'blocks', ...BLOCKS };
    // A slow link: headers come at once, blocks take longer than a small request may.
    train(budget, 1, 1);
    const least = EXPIRY / 5;
    for (const times of [1, 1, 2, 4, 8, 16, 20, 20]) {
      const expiry = Math.min(LARGE_EXPIRY, times * least);
      for (const large of [BLOCKS, RANGE]) expect(budget.expiryOf(1, large)).toBe(expiry);
      budget.recordRepairSent(1, size, 0);
      expect(budget.expireStaleRequests(expiry - 1)).toEqual([]);
      expect(budget.expireStaleRequests(expiry)).toMatchObject([{ key: 'blocks', large: true }]);
    }
    expect(budget.expiryOf(1, { what: 'headers', opStart: 1, opEnd: 9 })).toBe(EXPIRY / 5);
    for (let round = 0; round < 20; round += 1) {
      budget.recordRepairSent(1, size, 0);
      expect(budget.expireStaleRequests(EXPIRY + 10)).toEqual([]);
      budget.recordRepairCompleted('blocks', EXPIRY + 10);
    }
    expect(budget.expiryOf(1, RANGE)).toBeGreaterThan(2 * EXPIRY);
    expect(budget.expiryOf(1, SMALL)).toBe(EXPIRY / 5);
    budget.recordRepairSent(1, size, 0);
    budget.recordRepairSent(1, wanted('a'), 0);
    expect(budget.expireStaleRequests(EXPIRY)).toMatchObject([{ key: 'a', large: false }]);
    expect(budget.expireStaleRequests(LARGE_EXPIRY)).toMatchObject([
      { key: 'blocks', large: true },
    ]);
  });

  it('waits longer for one whose answers are irregular', () => {
    const budget = budgetOf(3);
    for (let round = 0; round < 30; round += 1) {
      budget.recordRepairSent(1, wanted('a'), 0);
      budget.recordRepairCompleted('a', round % 2 === 0 ? 1 : 9);
    }
    expect(budget.expiryOf(1, SMALL)).toBeGreaterThan(20);
  });

  it('frees the place of one request by name, and charges its peer', () => {
    const budget = budgetOf(3);
    const before = budget.latency(1);
    budget.recordRepairSent(1, wanted('a'), 0);
    budget.recordRepairExpired(1, 'a');
    budget.recordRepairExpired(1, 'never sent');
    expect(budget.isInFlight('a')).toBe(false);
    expect(budget.latency(1)).toBeCloseTo(before * (1 + EWMA_ALPHA), 10);
  });
});

describe('repair budget, what matters more', () => {
  it('leaves a place at every peer to what commits wait for', () => {
    const budget = budgetOf(3);
    const prng = new Prng(1n);
    for (const key of ['a', 'b']) {
      const peer = budget.selectReplica(prng, 'background');
      expect(peer).not.toBeNull();
      budget.recordRepairSent(peer ?? 0, wanted(key), 0);
    }
    expect(budget.selectReplica(prng, 'background')).toBeNull();
    for (const key of ['c', 'd']) {
      const peer = budget.selectReplica(prng, 'urgent');
      expect(peer).not.toBeNull();
      budget.recordRepairSent(peer ?? 0, wanted(key), 0);
    }
    expect(budget.selectReplica(prng, 'urgent')).toBeNull();
  });

  it('knows which ops are asked for', () => {
    const budget = budgetOf(3);
    budget.recordRepairSent(1, { what: 'next', key: 'n', opStart: 5, opEnd: 8 }, 0);
    expect([4, 5, 7, 8].map((op) => budget.isCovered('next', op))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(budget.isCovered('prepares', 5)).toBe(false);
    expect(budget.inFlightCount()).toBe(1);
  });
});

describe('repair budget, properties', () => {
  it('respects the limit in flight', () => {
    fc.assert(
      fc.property(clusters, fc.nat(50), seeds, (replicaCount, repairs, seed) => {
        const budget = budgetOf(replicaCount);
        const prng = new Prng(seed);
        const inFlight = new Map<number, number>();
        for (let repair = 0; repair < repairs; repair += 1) {
          const replica = budget.selectReplica(prng);
          if (replica === null) break;
          budget.recordRepairSent(replica, wanted(`op ${repair}`), repair);
          inFlight.set(replica, (inFlight.get(replica) ?? 0) + 1);
        }
        for (const count of inFlight.values()) {
          expect(count).toBeLessThanOrEqual(MAX_INFLIGHT_PER_REPLICA);
        }
        const most = (replicaCount - 1) * MAX_INFLIGHT_PER_REPLICA;
        const sent = [...inFlight.values()].reduce((sum, count) => sum + count, 0);
        expect(sent).toBe(Math.min(repairs, most));
      }),
    );
  });

  it('keeps every latency positive and finite', () => {
    const events = fc.array(
      fc.record({
        wait: fc.nat(2 * EXPIRY),
        answers: fc.boolean(),
        replica: fc.constantFrom(1, 2),
      }),
      { maxLength: 100 },
    );
    fc.assert(
      fc.property(events, (story) => {
        const budget = budgetOf(3);
        let tick = 0;
        for (const { wait, answers, replica } of story) {
          budget.recordRepairSent(replica, wanted('a'), tick);
          tick += wait;
          if (answers) budget.recordRepairCompleted('a', tick);
          else budget.expireStaleRequests(tick + EXPIRY);
          expect(budget.latency(replica)).toBeGreaterThan(0);
          expect(budget.latency(replica)).toBeLessThanOrEqual(1000);
        }
      }),
    );
  });

  it('chooses a peer that exists, is not oneself and has room', () => {
    fc.assert(
      fc.property(clusters, fc.integer({ min: 1, max: 50 }), seeds, (replicaCount, draws, seed) => {
        const prng = new Prng(seed);
        const self = prng.below(replicaCount);
        const budget = budgetOf(replicaCount, self);
        for (let draw = 0; draw < draws; draw += 1) {
          const replica = budget.selectReplica(prng);
          if (replica === null) {
            expect(budget.availableSlots()).toBe(0);
            return;
          }
          expect(replica).not.toBe(self);
          expect(replica).toBeGreaterThanOrEqual(0);
          expect(replica).toBeLessThan(replicaCount);
          // Throws where there is no room.
          budget.recordRepairSent(replica, wanted(`op ${draw}`), draw);
        }
      }),
    );
  });

  it('never has more free places than there are, nor fewer than none', () => {
    fc.assert(
      fc.property(clusters, fc.array(fc.nat(3), { maxLength: 60 }), seeds, (size, events, seed) => {
        const budget = budgetOf(size);
        const prng = new Prng(seed);
        const most = (size - 1) * MAX_INFLIGHT_PER_REPLICA;
        events.forEach((event, tick) => {
          const replica = event < 2 ? budget.selectReplica(prng) : null;
          if (replica !== null) budget.recordRepairSent(replica, wanted(`op ${tick}`), tick);
          if (event === 2) budget.recordRepairCompleted(`op ${prng.below(tick + 1)}`, tick);
          if (event === 3) budget.expireStaleRequests(tick * 10);
          expect(budget.availableSlots()).toBeGreaterThanOrEqual(0);
          expect(budget.availableSlots()).toBeLessThanOrEqual(most);
        });
      }),
    );
  });

  it('expires just what is stale, of staggered requests', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(200), { minLength: 1, maxLength: 20 }),
        fc.nat(300),
        (ticks, now) => {
          const budget = budgetOf(12);
          const sent = ticks.map((tick, index) => ({ tick, replica: 1 + (index % 11), index }));
          for (const { tick, replica, index } of sent) {
            budget.recordRepairSent(replica, wanted(`op ${index}`), tick);
          }
          const expired = budget.expireStaleRequests(now).map(({ key }) => key);
          const stale = sent.filter(({ tick }) => now - tick >= EXPIRY);
          expect(expired.sort()).toEqual(stale.map(({ index }) => `op ${index}`).sort());
          for (const { tick, index } of sent) {
            expect(budget.isInFlight(`op ${index}`)).toBe(now - tick < EXPIRY);
          }
          expect(budget.expireStaleRequests(now)).toEqual([]);
        },
      ),
    );
  });
});
