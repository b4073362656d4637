import { TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { replicationQuorum, viewChangeQuorum } from '../cluster/quorums.ts';
import { addOne, at, type Settled, settle } from '../testing/settled.ts';

/*
 * Faults of a primary that the others don't have, for 2 to 6 replicas, idle and busy: how soon it
 * is left, and that another one leads. Then every way in which voters can be missing while just
 * enough are left: the primary leads on, whatever the others want. What needs a story of its own
 * (a stall, a repair, a clock) is in abdication.test.ts and giving-way.test.ts.
 */

type Load = 'idle' | 'busy';
const LOADS: readonly Load[] = ['idle', 'busy'];

const { abdicate, silence } = TIMEOUTS_DEFAULT;
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
    for (const client of load === 'busy' ? script.cluster.clients : [])
      if (client.registered && !client.busy) client.submit(addOne(1), null);
    script.run(1);
  }
}

interface Fault {
  readonly name: string;
  readonly begin: (settled: Settled) => void;
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
];

describe.each([2, 3, 4, 5, 6])('a primary of %i', (replicaCount) => {
  describe.each(LOADS)('%s', (load) => {
    it.each(FAULTS)('that $name', ({ begin, within, reason }) => {
      const settled = settle({ replicaCount, clientCount: 3 });
      const { script, primary, backups } = settled;
      const { view } = script.state(primary);
      begin(settled);
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
