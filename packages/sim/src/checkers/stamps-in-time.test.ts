import { describe, expect, it } from 'vitest';
import type { ClockHull } from '../cluster/true-time.ts';
import { StampsInTime } from './stamps-in-time.ts';
import { Violation } from './violation.ts';

const SECOND = 1_000_000;

/** A checker of a cluster whose clocks stand there. */
function stampsOf(clockHull: () => ClockHull | null): StampsInTime {
  return new StampsInTime({ now: () => 0, monotonic: () => 9_000, honest: true, clockHull });
}

function judge(hull: ClockHull | null): { commit: (op: number, timestamp: number) => void } {
  const stamps = stampsOf(() => hull);
  return {
    commit: (op, timestamp) => {
      stamps.onPrepared(1, BigInt(op));
      stamps.onHistory({ op, checksum: BigInt(op), timestamp, requests: [] });
    },
  };
}

describe('the time of an op', () => {
  const hull = {
    lowest: 100 * SECOND,
    highest: 101 * SECOND,
    walls: [100 * SECOND, 101 * SECOND, 101 * SECOND],
    apart: 0,
    agreed: false,
  };

  it('is one between the clocks, give or take what clocks that agree may differ', () => {
    const { commit } = judge(hull);
    for (const [op, timestamp] of [99.6, 100, 100.5, 101, 101.4].entries()) {
      commit(op + 1, timestamp * SECOND);
    }
  });

  it.each([99, 102])('is not %i s where the clocks say 100 to 101', (seconds) => {
    const { commit } = judge(hull);
    expect(() => commit(1, seconds * SECOND)).toThrow(Violation);
  });

  it('may be late where the op before was', () => {
    const clocks = { ...hull };
    const stamps = stampsOf(() => clocks);
    clocks.highest = 200 * SECOND;
    stamps.onPrepared(1, 1n);
    stamps.onHistory({ op: 1, checksum: 1n, timestamp: 200 * SECOND, requests: [] });
    clocks.highest = 101 * SECOND;
    stamps.onPrepared(2, 2n);
    stamps.onPrepared(2, 3n);
    stamps.onHistory({ op: 2, checksum: 2n, timestamp: 200 * SECOND, requests: [] });
    const later = { op: 3, checksum: 3n, timestamp: 201 * SECOND, requests: [] };
    expect(() => stamps.onHistory(later)).toThrow(Violation);
  });

  it('is not judged where a clock jumps, or nobody was seen to make the op', () => {
    judge(null).commit(1, 5);
    const stamps = stampsOf(() => hull);
    stamps.onHistory({ op: 1, checksum: 1n, timestamp: 5, requests: [] });
  });

  it('is near a majority of the clocks where the primary says that they agree', () => {
    const agreed = { ...hull, agreed: true };
    judge(agreed).commit(1, 101.2 * SECOND);
    expect(() => judge(agreed).commit(1, 100.2 * SECOND)).toThrow(Violation);
    judge(hull).commit(1, 100.2 * SECOND);
  });

  it('may be later than they say where an op that a view gave up was as late', () => {
    const stamps = stampsOf(() => ({ ...hull, agreed: true }));
    const floor = 100.2 * SECOND;
    stamps.onSent({ timestamp: floor - 3, count: 3 });
    for (const checksum of [1n, 2n]) stamps.onPrepared(1, checksum);
    stamps.onHistory({ op: 1, checksum: 1n, timestamp: floor, requests: [] });
    const later = { op: 2, checksum: 2n, timestamp: floor + 1, requests: [] };
    expect(() => stamps.onHistory(later)).toThrow(Violation);
  });

  it('may be as far from them as the answers of the others took', () => {
    const stamps = stampsOf(() => ({ ...hull, agreed: true }));
    stamps.onPong(1, { pingMonotonic: 9_000 - SECOND });
    stamps.onPrepared(1, 1n);
    const timestamp = 100.2 * SECOND;
    stamps.onHistory({ op: 1, checksum: 1n, timestamp, requests: [] });
  });
});
