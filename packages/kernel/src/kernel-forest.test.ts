import { assert, Forest, mix128 } from '@kimberlite/store';
import { type ExecuteContext, type KeyNames, Op, Prng, type StateMachine } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { type Call, KERNEL_CALLS } from './codec/call.ts';
import { decodeResults } from './codec/decode-results.ts';
import { encodeCalls } from './codec/encode-calls.ts';
import { createKernel } from './kernel.ts';
import { KernelModel } from './model.ts';
import { randomCalls, WORKLOAD_DEFAULT } from './workload.ts';

// Aim: the deltas of blind puts mean the same in the store that ships, across the layers of its
// tables. Method: random requests on a forest, with checkpoints in slices between them, against
// the model.

const NO_NAMES: KeyNames = { key: () => {}, range: () => {} };

function contextOf(forest: Forest): ExecuteContext {
  return {
    get: (table, key) => forest.table(table).get(key),
    range: (table, from, to, limit) => forest.table(table).range(from, to, limit),
    put: (table, key, value) => forest.table(table).put(key, value),
    merge: (table, key, delta) => forest.table(table).merge(key, delta),
    delete: (table, key) => forest.table(table).delete(key),
    now: 1,
    random: () => 4,
    op: Op(1),
    index: 0,
  };
}

function execute(kernel: StateMachine, forest: Forest, calls: readonly Call[]): unknown {
  const request = { operation: KERNEL_CALLS, body: encodeCalls(calls) };
  const context = contextOf(forest);
  assert(!kernel.prefetch(request, NO_NAMES, context), 'all names at once');
  return decodeResults(kernel.execute(request, context));
}

/** Writes a checkpoint, with requests between its slices. */
function* checkpoints(forest: Forest): Generator<void, never> {
  for (;;) {
    forest.freeze();
    while (forest.nextWrites(1).length > 0) yield;
    forest.checkpointDurable();
    yield;
  }
}

describe('the kernel on a forest', () => {
  it('answers as the model does while checkpoints are written and folded', () => {
    const kernel = createKernel();
    const forest = new Forest({
      checksum: mix128,
      blockSize: 4096,
      cacheSize: 1 << 26,
      tables: kernel.tables,
    });
    const model = new KernelModel();
    const prng = new Prng(11n);
    const work = checkpoints(forest);
    const options = { ...WORKLOAD_DEFAULT, keys: 6, impolite: 0.02, count: 6 };
    for (let request = 0; request < 1500; request += 1) {
      if (prng.chance(0.3)) work.next();
      const calls = randomCalls(prng, options, model);
      const results = execute(kernel, forest, calls);
      expect(results, `request ${request}`).toEqual(calls.map((call) => model.apply(call)));
    }
    expect(model.revision).toBeGreaterThan(500);
  });
});
