import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prng } from '../std/prng.ts';
import {
  TIMEOUTS_DEFAULT,
  type TimeoutTable,
  type TimerName,
  Timers,
  timeoutsFault,
} from './timers.ts';

const NAMES = Object.keys(TIMEOUTS_DEFAULT) as TimerName[];

/** Ticks until the timer fires, started once. */
function firesAfter(timers: Timers, name: TimerName): number {
  for (let tick = 1; tick < 100_000; tick += 1) if (timers.tick().includes(name)) return tick;
  throw new Error('never fired');
}

/** Share of the base that is drawn on top, at most. Those without could not resonate. */
const JITTER: Readonly<Record<TimerName, number>> = {
  heartbeat: 0,
  silence: 0.5,
  prepare: 0.2,
  ping: 0.2,
  startViewChange: 0.5,
  startViewChangeWindow: 0,
  doViewChange: 0.5,
  viewChange: 0.5,
  requestStartView: 0.5,
  repair: 1,
  abdicate: 0,
  repairExpiry: 0,
  scrub: 0,
};

describe('a timer', () => {
  it.each(NAMES)('%s fires within its range, and reaches both ends of it', (name) => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(3n));
    const base = TIMEOUTS_DEFAULT[name];
    const most = base + Math.floor(base * JITTER[name]);
    const seen = new Set<number>();
    for (let round = 0; round < 2000; round += 1) {
      timers.start(name);
      seen.add(firesAfter(timers, name));
    }
    expect(Math.min(...seen)).toBe(base);
    expect(Math.max(...seen)).toBe(most);
  });

  it('never fires below one tick, and stretches with its factor', () => {
    const table: TimeoutTable = { ...TIMEOUTS_DEFAULT, repair: 1 };
    fc.assert(
      fc.property(
        fc.constantFrom(...NAMES),
        fc.constantFrom(0.01, 0.5, 1, 2, 4, 16),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (name, factor, seed) => {
          const timers = new Timers(table, new Prng(seed));
          timers.start(name, factor);
          const ticks = firesAfter(timers, name);
          const base = table[name] * factor;
          expect(ticks).toBeGreaterThanOrEqual(Math.max(1, Math.ceil(base)));
          expect(ticks).toBeLessThanOrEqual(Math.ceil(base) + Math.floor(base * JITTER[name]));
        },
      ),
    );
  });

  it('stays off once it has fired, and after a stop', () => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
    timers.start('heartbeat');
    expect(firesAfter(timers, 'heartbeat')).toBe(TIMEOUTS_DEFAULT.heartbeat);
    expect(timers.isRunning('heartbeat')).toBe(false);
    timers.start('prepare');
    timers.stop('prepare');
    for (let tick = 0; tick < 1000; tick += 1) expect(timers.tick()).toEqual([]);
  });

  it('is restarted by start, but not by ensure', () => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
    timers.start('heartbeat');
    for (let tick = 0; tick < 6; tick += 1) timers.tick();
    timers.ensure('heartbeat');
    expect(firesAfter(timers, 'heartbeat')).toBe(TIMEOUTS_DEFAULT.heartbeat - 6);
    timers.start('heartbeat');
    for (let tick = 0; tick < 6; tick += 1) timers.tick();
    timers.start('heartbeat');
    expect(firesAfter(timers, 'heartbeat')).toBe(TIMEOUTS_DEFAULT.heartbeat);
    timers.ensure('heartbeat');
    expect(timers.isRunning('heartbeat')).toBe(true);
  });

  it('that is hurried fires at the next tick', () => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
    timers.hurry('repair');
    expect(timers.tick()).toEqual(['repair']);
    timers.start('viewChange');
    timers.hurry('viewChange');
    expect(timers.tick()).toEqual(['viewChange']);
  });

  it('may be started again by the handler of the same tick', () => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
    timers.hurry('repair');
    timers.hurry('ping');
    for (const name of timers.tick()) timers.start(name);
    expect(timers.isRunning('repair')).toBe(true);
    expect(timers.isRunning('ping')).toBe(true);
  });
});

describe('the table of timeouts', () => {
  it('works as it is', () => {
    expect(timeoutsFault(TIMEOUTS_DEFAULT)).toBeNull();
  });

  it('keeps the relations that the protocol leans on', () => {
    const table = TIMEOUTS_DEFAULT;
    // A backup outlasts lost heartbeats; a primary gives way later than backups leave it.
    expect(table.silence).toBeGreaterThanOrEqual(3 * table.heartbeat);
    expect(table.abdicate).toBeGreaterThan(table.silence);
    // Within the abdication time a primary that is heard is heard more than once.
    expect(2 * table.ping).toBeLessThanOrEqual(table.abdicate);
    // Votes live longer than a view change takes, and are sent again within it.
    expect(table.startViewChangeWindow).toBeGreaterThan(table.viewChange);
    expect(table.startViewChange).toBeLessThan(table.viewChange);
    expect(table.doViewChange).toBeLessThan(table.viewChange);
  });

  it.each(NAMES)('refuses %s below one tick or not whole', (name) => {
    for (const ticks of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const table = { ...TIMEOUTS_DEFAULT, [name]: ticks };
      expect(timeoutsFault(table)).toContain(name);
      expect(() => new Timers(table, new Prng(1n))).toThrow('the timeouts work together');
    }
  });

  it.each([
    ['silence', { silence: 29 }],
    ['abdicate', { abdicate: 50 }],
    ['ping', { ping: 38 }],
  ])('refuses a %s that does not fit the others', (name, change) => {
    expect(timeoutsFault({ ...TIMEOUTS_DEFAULT, ...change })).toContain(name);
  });
});
