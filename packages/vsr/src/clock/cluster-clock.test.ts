import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLOCK_TOLERANCE_MICROS, CLOCK_WINDOW_MICROS, ClusterClock } from './cluster-clock.ts';

const SECOND = 1_000_000;
const MILLI = 1000;
/** Wall time at monotonic time zero, in every test. */
const EPOCH = 1_700_000_000 * SECOND;
/** What drift may add in a second, microseconds. */
const DRIFT_PER_SECOND = 200;

/** A replica whose wall clock runs true, unless a test makes it jump. */
class Bench {
  readonly clock: ClusterClock;
  monotonic = 10 * SECOND;
  jump = 0;

  constructor(majority = 2) {
    this.clock = new ClusterClock(majority);
  }

  get wall(): number {
    return EPOCH + this.monotonic + this.jump;
  }

  now(): number {
    return this.clock.now(this.monotonic, this.wall);
  }

  /** How far the cluster's time is from the true one. */
  error(): number {
    return this.now() - (EPOCH + this.monotonic);
  }

  /** A pong of a peer whose clock is `ahead`, after a round trip that is the same both ways. */
  hear(peer: number, ahead: number, roundTrip = 2 * MILLI): void {
    const sent = this.monotonic;
    this.monotonic += roundTrip;
    const peerWall = EPOCH + sent + roundTrip / 2 + ahead;
    this.clock.learn(peer, { sent, peerWall }, this.monotonic);
  }

  synchronize(): boolean {
    return this.clock.synchronize({ monotonic: this.monotonic, wall: this.wall });
  }
}

describe('agreement', () => {
  it('of a majority within the tolerance, one’s own clock included', () => {
    const bench = new Bench();
    expect(bench.clock.synchronized).toBe(false);
    expect(bench.synchronize()).toBe(false);
    bench.hear(1, 100 * MILLI);
    expect(bench.synchronize()).toBe(true);
    expect(bench.clock.synchronized).toBe(true);
    expect(bench.synchronize()).toBe(false); // No change to tell.
  });

  it('needs a majority, not just anyone', () => {
    const bench = new Bench(3);
    bench.hear(1, 0);
    bench.synchronize();
    expect(bench.clock.synchronized).toBe(false);
    bench.hear(2, 0);
    bench.synchronize();
    expect(bench.clock.synchronized).toBe(true);
  });

  it.each([
    [CLOCK_TOLERANCE_MICROS - 10 * MILLI, true],
    [CLOCK_TOLERANCE_MICROS + 10 * MILLI, false],
    [-CLOCK_TOLERANCE_MICROS + 10 * MILLI, true],
    [-CLOCK_TOLERANCE_MICROS - 10 * MILLI, false],
  ])('with a clock %i us away: %s', (ahead, agrees) => {
    const bench = new Bench();
    bench.hear(1, ahead);
    bench.synchronize();
    expect(bench.clock.synchronized).toBe(agrees);
  });

  it('counts a peer once, however often it answers', () => {
    const bench = new Bench(3);
    for (let pong = 0; pong < 5; pong += 1) bench.hear(1, 0);
    bench.synchronize();
    expect(bench.clock.synchronized).toBe(false);
  });

  it('ends when the samples grow old', () => {
    const bench = new Bench();
    bench.hear(1, 0);
    bench.synchronize();
    bench.monotonic += CLOCK_WINDOW_MICROS;
    bench.synchronize();
    expect(bench.clock.synchronized).toBe(true);
    bench.monotonic += 1;
    expect(bench.synchronize()).toBe(true);
    expect(bench.clock.synchronized).toBe(false);
  });

  it('is there from the start in a cluster of one', () => {
    const bench = new Bench(1);
    expect(bench.clock.synchronized).toBe(true);
    expect(bench.synchronize()).toBe(false);
    expect(bench.clock.synchronized).toBe(true);
  });

  it('is not made by a pong of an earlier life of the process', () => {
    const bench = new Bench();
    const sent = bench.monotonic + SECOND;
    bench.clock.learn(1, { sent, peerWall: bench.wall }, bench.monotonic);
    bench.synchronize();
    expect(bench.clock.synchronized).toBe(false);
  });
});

describe('samples', () => {
  it('prefer the shorter round trip while it is fresh', () => {
    const bench = new Bench();
    bench.hear(1, 0, 2 * MILLI);
    // Of a long round trip nobody knows which way was long: it must not replace the good sample.
    bench.hear(1, 900 * MILLI, 400 * MILLI);
    bench.synchronize();
    expect(bench.clock.synchronized).toBe(true);
    bench.monotonic += CLOCK_WINDOW_MICROS / 4;
    bench.hear(1, 900 * MILLI, 10 * MILLI);
    bench.synchronize();
    expect(bench.clock.synchronized).toBe(false);
  });

  it('allow for the round trip', () => {
    const bench = new Bench();
    // 600 ms apart, but the pong was under way for a second: it may well agree.
    bench.hear(1, 600 * MILLI, SECOND);
    bench.synchronize();
    expect(bench.clock.synchronized).toBe(true);
  });
});

describe('the time of the cluster', () => {
  it('is one’s own before any agreement', () => {
    const bench = new Bench();
    bench.jump = -3 * SECOND;
    expect(bench.now()).toBe(bench.wall);
  });

  it('is one’s own while that is inside the agreed interval', () => {
    const bench = new Bench();
    bench.hear(1, 100 * MILLI);
    bench.synchronize();
    expect(bench.now()).toBe(bench.wall);
  });

  it('is held inside what the others agree upon, when one’s own clock is wrong', () => {
    for (const wrong of [3600 * SECOND, -3600 * SECOND]) {
      const bench = new Bench();
      bench.jump = wrong;
      bench.hear(1, 0);
      bench.hear(2, 0);
      bench.synchronize();
      expect(bench.clock.synchronized).toBe(true);
      expect(Math.abs(bench.error())).toBeLessThanOrEqual(CLOCK_TOLERANCE_MICROS / 2 + 2 * MILLI);
    }
  });

  it('goes on without agreement, inside the last interval grown by the drift', () => {
    const bench = new Bench();
    bench.jump = 3600 * SECOND;
    bench.hear(1, 0);
    bench.hear(2, 0);
    bench.synchronize();
    const before = bench.error();
    bench.monotonic += 60 * SECOND;
    bench.synchronize();
    expect(bench.clock.synchronized).toBe(false);
    // The own clock pulls as far as the bound lets it.
    expect(bench.error() - before).toBeCloseTo(60 * DRIFT_PER_SECOND, -1);
    bench.monotonic += 60 * SECOND;
    expect(bench.error() - before).toBeCloseTo(120 * DRIFT_PER_SECOND, -1);
  });

  it('does not follow a jump of one’s own clock', () => {
    for (const jump of [3600 * SECOND, -3600 * SECOND, 2 * SECOND]) {
      const bench = new Bench();
      bench.hear(1, 0);
      bench.synchronize();
      bench.jump = jump;
      bench.monotonic += SECOND;
      const bound = CLOCK_TOLERANCE_MICROS / 2 + 2 * MILLI + DRIFT_PER_SECOND;
      expect(Math.abs(bench.error())).toBeLessThanOrEqual(bound);
      // Nor when the next round finds no agreement with it.
      bench.synchronize();
      expect(bench.clock.synchronized).toBe(false);
      expect(Math.abs(bench.error())).toBeLessThanOrEqual(bound);
    }
  });

  it('is never outside the last agreed interval, whatever one’s own clock does', () => {
    const events = fc.array(
      fc.record({
        wait: fc.integer({ min: 0, max: 5 * SECOND }),
        jump: fc.integer({ min: -10 * SECOND, max: 10 * SECOND }),
        peers: fc.uniqueArray(fc.integer({ min: 1, max: 2 }), { maxLength: 2 }),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(events, (story) => {
        const bench = new Bench();
        let agreedAt: number | null = null;
        for (const { wait, jump, peers } of story) {
          bench.monotonic += wait;
          bench.jump = jump;
          for (const peer of peers) bench.hear(peer, 0);
          bench.synchronize();
          if (bench.clock.synchronized) agreedAt = bench.monotonic;
          if (agreedAt === null) continue;
          // Peers tell the true time; whoever agrees with one of them is within the tolerance.
          const age = (bench.monotonic - agreedAt) / SECOND;
          const bound = CLOCK_TOLERANCE_MICROS + 2 * MILLI + age * DRIFT_PER_SECOND + 1;
          expect(Math.abs(bench.error())).toBeLessThanOrEqual(bound);
        }
      }),
    );
  });

  it('is a whole number', () => {
    const bench = new Bench();
    bench.jump = 3600 * SECOND;
    bench.hear(1, 0, 1001);
    bench.hear(2, 0, 333);
    bench.synchronize();
    expect(Number.isSafeInteger(bench.now())).toBe(true);
  });
});
