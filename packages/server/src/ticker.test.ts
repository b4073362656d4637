import { describe, expect, it } from 'vitest';
import { Ticker, type TickerClock } from './ticker.ts';

/** Time that passes when the test says so. */
class ManualClock implements TickerClock {
  millis = 0;
  #timer: { readonly due: number; readonly callback: () => void } | null = null;
  #afterIo: (() => void) | null = null;

  now(): number {
    return this.millis;
  }

  after(millis: number, callback: () => void): () => void {
    this.#timer = { due: this.millis + millis, callback };
    return () => {
      this.#timer = null;
    };
  }

  afterIo(callback: () => void): () => void {
    this.#afterIo = callback;
    return () => {
      this.#afterIo = null;
    };
  }

  /** Lets time pass; runs `io` between the timer and what waits for I/O. */
  advance(millis: number, io: () => void = () => {}): void {
    this.millis += millis;
    const timer = this.#timer;
    if (timer === null || timer.due > this.millis) return;
    this.#timer = null;
    timer.callback();
    io();
    const next = this.#afterIo;
    this.#afterIo = null;
    next?.();
  }
}

function start(): {
  readonly clock: ManualClock;
  readonly ticker: Ticker;
  readonly ticks: () => number;
  readonly late: () => number;
} {
  const clock = new ManualClock();
  let ticks = 0;
  let late = 0;
  const ticker = new Ticker({
    clock,
    onTick: () => {
      ticks += 1;
    },
    onDelay: (seconds) => {
      late = seconds;
    },
  });
  ticker.start();
  return { clock, ticker, ticks: () => ticks, late: () => late };
}

describe('Ticker', () => {
  it('ticks every 10 ms without drifting, however late its timers are', () => {
    const { clock, ticks } = start();
    for (let turn = 0; turn < 100; turn += 1) clock.advance(13);
    expect(ticks()).toBe(130);
  });

  it('makes up for a pause at once, and says how long it was', () => {
    const { clock, ticks, late } = start();
    clock.advance(510);
    expect(ticks()).toBe(51);
    expect(late()).toBeCloseTo(0.5);
  });

  it('lets the I/O that came during a pause go first', () => {
    const { clock, ticks } = start();
    let before = -1;
    clock.advance(500, () => {
      before = ticks();
    });
    expect(before).toBe(0);
    expect(ticks()).toBe(50);
  });

  it('skips what no timeout would notice after a very long pause', () => {
    const { clock, ticks } = start();
    clock.advance(3_600_000);
    expect(ticks()).toBe(3000);
    clock.advance(10);
    expect(ticks()).toBe(3001);
  });

  it('does not tick after it was stopped, not even in the middle of catching up', () => {
    const clock = new ManualClock();
    let ticks = 0;
    const ticker = new Ticker({
      clock,
      onTick: () => {
        ticks += 1;
        if (ticks === 3) ticker.stop();
      },
      onDelay: () => {},
    });
    ticker.start();
    clock.advance(1000);
    clock.advance(1000);
    expect(ticks).toBe(3);
  });
});
