import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prng } from '../std/prng.ts';
import {
  TIMEOUT_RELATIONS,
  TIMEOUTS_DEFAULT,
  TIMER_NAMES,
  type TimeoutRelation,
  type TimeoutTable,
  type TimerName,
  timeoutRow,
  timeoutsFault,
  timeoutsOfProfile,
} from './timeout-table.ts';
import { Timers } from './timers.ts';

const NAMES = TIMER_NAMES;
/** Share of the base that is drawn on top, at most. */
const jitterOf = (name: TimerName): number => timeoutRow(name).jitter;

const PROFILES = ['default', 'lan', 'wan'] as const;
/** Round trips in ticks, from none to far above every cap. */
const TRIPS = [0, 0.05, 1, 5, 20, 40, 60, 62, 63, 80, 100, 200, 400, 1_000, 10_000];

/** A view change may last for longer than votes are remembered, from round trips of 630 ms on. */
function isBroken({ longer, shorter }: TimeoutRelation): boolean {
  return longer === 'startViewChangeWindow' && shorter === 'viewChange';
}

/** Ticks until the timer fires, started once. */
function firesAfter(timers: Timers, name: TimerName): number {
  for (let tick = 1; tick < 100_000; tick += 1) if (timers.tick().includes(name)) return tick;
  throw new Error('never fired');
}

describe('a timer', () => {
  it.each(NAMES)('%s fires within its range, and reaches both ends of it', (name) => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(3n));
    const base = TIMEOUTS_DEFAULT[name];
    const most = base + Math.floor(base * jitterOf(name));
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
          expect(ticks).toBeLessThanOrEqual(Math.ceil(base) + Math.floor(base * jitterOf(name)));
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

describe('a timer that follows the round trip', () => {
  it('never goes below what the table says, nor above four times that', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...NAMES),
        fc.double({ min: 0, max: 1e4, noNaN: true }),
        (name, trip) => {
          const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
          timers.adapt(trip);
          const floor = TIMEOUTS_DEFAULT[name];
          expect(timers.ticks(name)).toBeGreaterThanOrEqual(floor);
          expect(timers.ticks(name)).toBeLessThanOrEqual(4 * floor);
          if (timeoutRow(name).roundTrips === 0) expect(timers.ticks(name)).toBe(floor);
        },
      ),
    );
  });

  it('lasts for so many round trips on a slow network, and comes back on a fast one', () => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
    timers.adapt(30);
    expect(timers.ticks('prepare')).toBe(60);
    expect(timers.ticks('silence')).toBe(TIMEOUTS_DEFAULT.silence);
    timers.adapt(0.05);
    expect(timers.ticks('prepare')).toBe(TIMEOUTS_DEFAULT.prepare);
  });

  const kept = TIMEOUT_RELATIONS.filter((relation) => !isBroken(relation));
  it.each(kept)('keeps $longer above $shorter, whatever the round trip', (relation) => {
    const { longer, shorter, times, strict } = relation;
    for (const profile of PROFILES) {
      for (const trip of TRIPS) {
        const timers = new Timers(timeoutsOfProfile(profile), new Prng(1n));
        timers.adapt(trip);
        const least = times * timers.ticks(shorter);
        const ticks = timers.ticks(longer);
        expect(strict ? ticks > least : ticks >= least, `${profile}, ${trip} ticks`).toBe(true);
      }
    }
  });

  it('lets a view change outlast the window of votes on the slowest networks', () => {
    // Harmless: a vote that stands is sent again ten times in a window, and counted anew.
    for (const profile of PROFILES) {
      for (const trip of TRIPS) {
        const timers = new Timers(timeoutsOfProfile(profile), new Prng(1n));
        timers.adapt(trip);
        const window = timers.ticks('startViewChangeWindow');
        expect(window).toBeGreaterThan(10 * timers.ticks('startViewChange'));
        if (profile !== 'default') continue;
        expect(window > timers.ticks('viewChange'), `${trip} ticks`).toBe(trip < 63);
      }
    }
  });
});

describe('a timer that follows the disk', () => {
  it('lasts for its writes, from what the table says to sixteen times that', () => {
    for (const name of NAMES) {
      const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
      const floor = TIMEOUTS_DEFAULT[name];
      const { diskWrites } = timeoutRow(name);
      for (const write of [0, 0.1, 1, 20, 100, 1_000, 100_000]) {
        timers.adaptDisk(write);
        const needed = Math.min(16 * floor, Math.ceil(diskWrites * write));
        expect(timers.ticks(name)).toBe(Math.max(floor, needed));
        expect(timers.diskTicks(name)).toBe(Math.ceil(diskWrites * write));
        expect(timers.floor(name)).toBe(floor);
      }
    }
  });
});

describe('a wait that is shortened', () => {
  it('ends within so many ticks, and never later than it would have', () => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
    timers.start('silence');
    timers.shorten('silence', 10);
    timers.shorten('silence', 40);
    expect(firesAfter(timers, 'silence')).toBe(10);
  });

  it('does not start when it is off', () => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
    timers.shorten('silence', 10);
    expect(timers.isRunning('silence')).toBe(false);
  });
});

describe('a timer without its jitter', () => {
  it('fires when its base is over, at whatever moment it is told', () => {
    const { silence } = TIMEOUTS_DEFAULT;
    for (let seed = 0n; seed < 30n; seed += 1n) {
      const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(seed));
      timers.start('silence');
      for (let tick = 1; tick <= silence - 10; tick += 1) expect(timers.tick()).toEqual([]);
      timers.skipJitter('silence');
      timers.skipJitter('silence');
      expect(firesAfter(timers, 'silence')).toBe(10);
    }
  });

  it('fires at once when its base is over already, and has jitter again when it is started', () => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
    const { silence } = TIMEOUTS_DEFAULT;
    timers.start('silence');
    for (let tick = 1; tick < silence + 3; tick += 1) expect(timers.tick()).toEqual([]);
    timers.skipJitter('silence');
    expect(firesAfter(timers, 'silence')).toBe(1);
    const seen = new Set<number>();
    for (let count = 0; count < 50; count += 1) {
      timers.start('silence');
      seen.add(firesAfter(timers, 'silence'));
    }
    expect(seen.size).toBeGreaterThan(5);
  });

  it('does not start when it is off', () => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
    timers.skipJitter('silence');
    expect(timers.isRunning('silence')).toBe(false);
  });
});

describe('the counts of timeouts', () => {
  it('grow when a timer fires and when a limit is exceeded', () => {
    const timers = new Timers(TIMEOUTS_DEFAULT, new Prng(1n));
    timers.start('heartbeat');
    firesAfter(timers, 'heartbeat');
    timers.count('abdicate');
    expect(timers.fired()).toMatchObject({ heartbeat: 1, abdicate: 1, silence: 0 });
  });
});

describe('the table of timeouts', () => {
  it.each(['default', 'lan', 'wan'] as const)('works as it is in profile %s', (profile) => {
    expect(timeoutsFault(timeoutsOfProfile(profile))).toBeNull();
  });

  it.each(NAMES)('refuses %s below one tick or not whole', (name) => {
    for (const ticks of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const table = { ...TIMEOUTS_DEFAULT, [name]: ticks };
      expect(timeoutsFault(table)?.text).toContain(name);
      expect(() => new Timers(table, new Prng(1n))).toThrow('the timeouts work together');
    }
  });

  it.each(TIMEOUT_RELATIONS.map((each) => [`${each.longer} and ${each.shorter}`, each] as const))(
    'refuses %s that do not fit each other',
    (_, { longer, shorter, times, strict }) => {
      // Of the one side, the least that is too short, everything else being generous.
      const generous: TimeoutTable = {
        ...TIMEOUTS_DEFAULT,
        [shorter]: 40,
        [longer]: strict ? times * 40 : times * 40 - 1,
      };
      const others = TIMEOUT_RELATIONS.filter(
        (other) => other.longer === longer && other.shorter === shorter,
      );
      expect(others).toHaveLength(1);
      const fault = timeoutsFault(generous, (name) => `<${name}>`);
      expect(fault).not.toBeNull();
      const fits: TimeoutTable = {
        ...generous,
        [longer]: strict ? times * 40 + 1 : times * 40,
      };
      const faultOfFit = timeoutsFault(fits);
      const same = faultOfFit?.names[0] === longer && faultOfFit.names[1] === shorter;
      expect(same).toBe(false);
    },
  );

  it('names both sides, their values and the reason', () => {
    const fault = timeoutsFault({ ...TIMEOUTS_DEFAULT, silence: 29 }, (name) => `timeout-${name}`);
    expect(fault?.names).toEqual(['silence', 'heartbeat']);
    expect(fault?.text).toBe(
      'timeout-silence must be at least 3 times timeout-heartbeat (290 ms against 100 ms): ' +
        'two heartbeats may be lost or late without a vote',
    );
  });
});
