import { describe, expect, it } from 'vitest';
import type { Run } from './manifest.ts';
import { DELTA_RUNS_MAX, runKindToAdd } from './run-policy.ts';
import { Checksum } from './std/checksum.ts';

const BLOCK_SIZE = 132;

function run(kind: 'full' | 'delta', blockCount: number): Run {
  const blocks = Array.from({ length: blockCount }, (_, at) => ({
    address: at + 1,
    checksum: Checksum(1n),
  }));
  return { kind, records: 1, size: blockCount * 100, blocks };
}

describe('run policy', () => {
  it('begins with a full run', () => {
    expect(runKindToAdd([], 1, BLOCK_SIZE)).toBe('full');
  });

  it('adds deltas while they take fewer blocks together than the full run', () => {
    expect(runKindToAdd([run('full', 10)], 900, BLOCK_SIZE)).toBe('delta');
    expect(runKindToAdd([run('full', 10)], 901, BLOCK_SIZE)).toBe('full');
    expect(runKindToAdd([run('full', 10), run('delta', 4)], 500, BLOCK_SIZE)).toBe('delta');
    expect(runKindToAdd([run('full', 10), run('delta', 4)], 501, BLOCK_SIZE)).toBe('full');
    expect(runKindToAdd([run('full', 1)], 1, BLOCK_SIZE)).toBe('full');
  });

  it('bounds the number of runs', () => {
    const deltas = Array.from({ length: DELTA_RUNS_MAX - 1 }, () => run('delta', 1));
    expect(runKindToAdd([run('full', 1000), ...deltas], 1, BLOCK_SIZE)).toBe('delta');
    const more = [run('full', 1000), ...deltas, run('delta', 1)];
    expect(runKindToAdd(more, 1, BLOCK_SIZE)).toBe('full');
  });
});
