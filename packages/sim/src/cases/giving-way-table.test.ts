import { TIMEOUTS_DEFAULT, type TimeoutTable } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { replicationQuorum, viewChangeQuorum } from '../cluster/quorums.ts';
import { askAll, at, type Settled, settle } from '../testing/settled.ts';

/*
 * Faults of a primary that the others don't have, for 2 to 6 replicas, idle and busy: how soon it
 * is left, and that another one leads. Then every way in which voters can be missing while just
 * enough are left: the primary leads on, whatever the others want. What needs a story of its own
 * (a repair that does not come, what is said after a stall) is in abdication.test.ts and
 * giving-way.test.ts.
 */

type Load = 'idle' | 'busy';
const LOADS: readonly Load[] = ['idle', 'busy'];

/** A clock that is lost is a reason sooner than in production: all else would wait for it. */
const TIMEOUTS: TimeoutTable = { ...TIMEOUTS_DEFAULT, clockLoss: 100 };
const { abdicate, clockLoss, clockSync, heartbeat, silence } = TIMEOUTS;
/** After so many ticks without a new sample of other clocks, a clock is found lost. */
const CLOCK_WINDOW = 2_000 + 2 * clockSync;
/** A view change, from the first vote to a primary that serves. */
const VIEW_CHANGE = 100;
/** Long after every reason to give way would have been noticed; more happens in a busy tick. */
const LONG: Readonly<Record<Load, number>> = { idle: 5 * abdicate, busy: 2 * abdicate };

/** Lets ticks pass, while all clients ask or none does, until it is so. */
function passes(
  { script }: Settled,
  load: Load,
  { ticks, until }: { readonly ticks: number; readonly until?: () => boolean },
): void {
  for (let tick = 0; tick < ticks; tick += 1) {
    if (until?.() === true) return;
    if (load === 'busy') askAll(script);
    script.run(1);
  }
}

interface Fault {
  readonly name: string;
  readonly begin: (settled: Settled, load: Load) => void;
  /** How long it may lead on, in ticks; null where this load does not bring the fault to light. */
  readonly within: Readonly<Record<Load, number | null>>;
  /** Why it gives way by itself; null where the others leave it. */
  readonly reason: string | null;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'hears no replica',
    begin: ({ script, primary, backups }) => void script.cut(backups, [primary]),
    within: { idle: abdicate + 10, busy: abdicate + 10 },
    reason: 'unheard',
  },
  {
    name: 'is heard by no replica',
    begin: ({ script, primary, backups }) => void script.cut([primary], backups),
    within: { idle: 1.5 * silence + 10, busy: 1.5 * silence + 10 },
    reason: null,
  },
  {
    name: 'gets no acknowledgement',
    begin: ({ script, primary }) => void script.drop({ to: primary, command: 'prepareOk' }),
    within: { idle: null, busy: abdicate + 10 },
    reason: 'no_new_ack',
  },
  {
    name: 'has a disk that writes nothing',
    begin: ({ script, primary }) => script.tap.hang(primary, 'writes'),
    // Votes of backups commit until the next checkpoint is due, and requests wait only then.
    within: { idle: null, busy: abdicate + 100 },
    reason: 'disk_stall',
  },
  {
    name: 'stood still for longer than the others wait',
    begin: (settled, load) => standStill(settled, load, 2 * silence),
    within: { idle: 0, busy: 0 },
    reason: 'loop_stall',
  },
  {
    name: 'stood still for less than that',
    begin: (settled, load) => standStill(settled, load, silence - 2 * heartbeat),
    within: { idle: null, busy: null },
    reason: null,
  },
  {
    name: 'has lost its clock, while the others have theirs',
    begin: ({ script, primary }) => {
      script.drop({ to: primary, command: 'pong' });
      script.run(CLOCK_WINDOW);
    },
    within: { idle: clockLoss, busy: clockLoss },
    reason: 'clock_lost',
  },
  {
    name: 'has lost its clock, as the next one has',
    begin: ({ script, primary, backups }) => {
      for (const to of [primary, at(backups, 0)]) script.drop({ to, command: 'pong' });
      script.run(CLOCK_WINDOW);
      expect(script.state(primary).clockSynchronized).toBe(false);
    },
    within: { idle: null, busy: null },
    reason: null,
  },
];

/** The event loop of the primary does nothing for so many ticks; clients may ask meanwhile. */
function standStill(settled: Settled, load: Load, ticks: number): void {
  settled.script.pause(settled.primary);
  passes(settled, load, { ticks });
  settled.script.unpause(settled.primary);
}

describe.each([2, 3, 4, 5, 6])('a primary of %i', (replicaCount) => {
  describe.each(LOADS)('%s', (load) => {
    it.each(FAULTS)('that $name', ({ begin, within, reason }) => {
      const settled = settle({ replicaCount, clientCount: 3, timeouts: TIMEOUTS });
      const { script, primary, backups } = settled;
      const { view } = script.state(primary);
      begin(settled, load);
      const ticks = within[load];
      if (ticks === null) {
        passes(settled, load, { ticks: LONG[load] });
        expect(script.state(primary)).toMatchObject({ isPrimary: true, view });
        expect(script.events('abdicated')).toEqual([]);
      } else {
        const until = (): boolean =>
          reason === null
            ? script.events('vote', at(backups, 0)).some((vote) => vote.view === view)
            : script.events('abdicated', primary).length > 0;
        passes(settled, load, { ticks, until });
        expect(until()).toBe(true);
        if (reason !== null) {
          // Of two, each one's disk is in every quorum: no acknowledgement is what comes first.
          const seen = reason === 'disk_stall' && replicaCount === 2 ? 'no_new_ack' : reason;
          expect(script.events('abdicated', primary)).toMatchObject([{ view, reason: seen }]);
        }
        if (replicaCount > 2) {
          const led = (): boolean => ![primary, null].includes(script.primary());
          passes(settled, load, { ticks: VIEW_CHANGE, until: led });
          expect(backups).toContain(script.primary());
          expect(script.add(2, 1)).toBe(1);
        }
      }
      script.heal();
      script.tap.release(primary);
      script.runUntil(() => script.converged());
      expect(script.add(3, 1)).toBe(1);
    });
  });
});

/** How voters that are not needed can be missing. */
const MISSING: readonly {
  readonly name: string;
  readonly begin: (settled: Settled, missing: readonly number[]) => void;
}[] = [
  {
    name: 'hear it and are not heard',
    begin: ({ script, primary }, missing) => void script.cut(missing, [primary]),
  },
  {
    name: 'are heard and do not hear it',
    begin: ({ script, primary }, missing) => void script.cut([primary], missing),
  },
  {
    name: 'are cut off from it, and not from the rest',
    begin: ({ script, primary }, missing) => {
      script.cut([primary], missing);
      script.cut(missing, [primary]);
    },
  },
  {
    name: 'acknowledge nothing',
    begin: ({ script }, missing) => {
      for (const slot of missing) script.drop({ from: slot, command: 'prepareOk' });
    },
  },
  {
    name: 'have disks that do nothing',
    begin: ({ script }, missing) => {
      for (const slot of missing) script.tap.hang(slot, 'all');
    },
  },
];

describe.each([3, 4, 5, 6])('a primary of %i that can just commit', (replicaCount) => {
  describe.each(LOADS)('%s', (load) => {
    it.each(MISSING)('leads on while the others $name', ({ begin }) => {
      const settled = settle({ replicaCount });
      const { script, primary, backups } = settled;
      const { view } = script.state(primary);
      const missing = backups.slice(replicationQuorum(replicaCount) - 1);
      expect(missing.length).toBeLessThan(viewChangeQuorum(replicaCount));
      begin(settled, missing);
      passes(settled, load, { ticks: LONG[load] });
      expect(script.add(2, 1)).toBe(1);
      expect(script.state(primary)).toMatchObject({ isPrimary: true, view });
      expect(script.events('abdicated')).toEqual([]);
    });
  });
});
