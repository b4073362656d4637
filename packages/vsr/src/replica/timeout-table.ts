/** Whom a timeout runs for. */
export type TimeoutRole = 'primary' | 'backup' | 'new primary' | 'everyone';

/** Named sets of timeouts (docs/timeouts.md). */
export type TimeoutProfile = 'default' | 'lan' | 'wan';

type TimeoutSpec = {
  readonly role: TimeoutRole;
  /** `timer` runs and fires; `limit` is compared. */
  readonly kind: 'timer' | 'limit';
  readonly purpose: string;
  /** Ticks of 10 ms, by profile. Also the floor that measured round trips never go below. */
  readonly default: number;
  readonly lan: number;
  readonly wan: number;
  /** Share of the base that is drawn on top at each start: peers must not act in step. */
  readonly jitter: number;
  /**
   * Round trips that it must last for, where the network is slower than the profile expects; 0 for
   * what does not wait for an answer.
   */
  readonly roundTrips: number;
  /** Writes, one after the other, that it must last for where the disk is slow; 0 for most. */
  readonly diskWrites: number;
};

/**
 * Every timeout. Durations, jitter, configuration keys, the counters of how often each ended and
 * docs/timeouts.md all come from here; handlers are in replica/tick.ts.
 */
export const TIMEOUT_ROWS = {
  heartbeat: {
    role: 'primary',
    kind: 'timer',
    purpose: 'commit to every backup; a new primary that still repairs: start_view again',
    default: 10,
    lan: 3,
    wan: 50,
    jitter: 0,
    roundTrips: 0,
    diskWrites: 0,
  },
  commitMessage: {
    role: 'primary',
    kind: 'timer',
    purpose: 'tells a commit number that no prepare has carried, before the next heartbeat would',
    default: 5,
    lan: 2,
    wan: 25,
    jitter: 0,
    roundTrips: 0,
    diskWrites: 0,
  },
  prepare: {
    role: 'primary',
    kind: 'timer',
    purpose: 'what has no quorum is resent to replicas that have not acknowledged it',
    default: 25,
    lan: 10,
    wan: 100,
    jitter: 0.2,
    roundTrips: 2,
    diskWrites: 0,
  },
  prepareLarge: {
    role: 'primary',
    kind: 'limit',
    purpose: 'the same for a large prepare, which is still on its way for longer',
    default: 50,
    lan: 20,
    wan: 200,
    jitter: 0,
    roundTrips: 2,
    diskWrites: 0,
  },
  commitStall: {
    role: 'primary',
    kind: 'limit',
    purpose: 'too much waits and nothing commits: says so, and turns new requests away',
    default: 50,
    lan: 20,
    wan: 250,
    jitter: 0,
    roundTrips: 4,
    diskWrites: 0,
  },
  voterLag: {
    role: 'primary',
    kind: 'limit',
    purpose: 'a voter far behind came no nearer for so long: commits are slowed, boundedly',
    default: 100,
    lan: 40,
    wan: 300,
    jitter: 0,
    roundTrips: 4,
    diskWrites: 0,
  },
  abdicate: {
    role: 'primary',
    kind: 'limit',
    purpose: 'unheard, stuck or without a new acknowledgement for this long, it gives way',
    default: 75,
    lan: 25,
    wan: 375,
    jitter: 0,
    roundTrips: 4,
    diskWrites: 0,
  },
  clockSync: {
    role: 'everyone',
    kind: 'timer',
    purpose: 'works out anew whether enough clocks agree',
    default: 20,
    lan: 10,
    wan: 100,
    jitter: 0.2,
    roundTrips: 0,
    diskWrites: 0,
  },
  clockLoss: {
    role: 'primary',
    kind: 'limit',
    purpose: 'without an agreed clock for this long, it gives way to a next primary that has one',
    default: 750,
    lan: 250,
    wan: 3750,
    jitter: 0,
    roundTrips: 0,
    diskWrites: 0,
  },
  silence: {
    role: 'backup',
    kind: 'timer',
    purpose: 'nothing was heard of the primary: votes to leave the view',
    default: 50,
    lan: 15,
    wan: 250,
    jitter: 0.5,
    roundTrips: 0,
    diskWrites: 0,
  },
  startViewChange: {
    role: 'everyone',
    kind: 'timer',
    purpose: 'a vote that stands is sent again',
    default: 10,
    lan: 5,
    wan: 50,
    jitter: 0.5,
    roundTrips: 1,
    diskWrites: 0,
  },
  startViewChangeWindow: {
    role: 'everyone',
    kind: 'timer',
    purpose: 'votes of others are forgotten: what was true then is no reason to move now',
    default: 500,
    lan: 250,
    wan: 2500,
    jitter: 0,
    roundTrips: 0,
    diskWrites: 0,
  },
  doViewChange: {
    role: 'backup',
    kind: 'timer',
    purpose: 'do_view_change is sent again',
    default: 20,
    lan: 10,
    wan: 100,
    jitter: 0.5,
    roundTrips: 2,
    diskWrites: 0,
  },
  viewChange: {
    role: 'everyone',
    kind: 'timer',
    purpose: 'the view change did not end: votes to leave that view too; doubles with each',
    default: 150,
    lan: 60,
    wan: 750,
    jitter: 0.5,
    roundTrips: 8,
    diskWrites: 10,
  },
  requestStartView: {
    role: 'backup',
    kind: 'timer',
    purpose: 'recovery: a replica that waits for a start_view may ask again',
    default: 20,
    lan: 10,
    wan: 100,
    jitter: 0.5,
    roundTrips: 2,
    diskWrites: 0,
  },
  ping: {
    role: 'everyone',
    kind: 'timer',
    purpose: 'ping to each peer: it lives, its clock, its view, the round trip',
    default: 8,
    lan: 3,
    wan: 40,
    jitter: 0.2,
    roundTrips: 0,
    diskWrites: 0,
  },
  repair: {
    role: 'everyone',
    kind: 'timer',
    purpose: 'looks for what is missing and asks for it; at once when something is found missing',
    default: 5,
    lan: 3,
    wan: 25,
    jitter: 1,
    roundTrips: 0,
    diskWrites: 0,
  },
  repairExpiry: {
    role: 'everyone',
    kind: 'limit',
    purpose: 'a repair request without an answer is given up, and another peer asked',
    default: 50,
    lan: 50,
    wan: 200,
    jitter: 0,
    roundTrips: 0,
    diskWrites: 0,
  },
  syncExpiry: {
    role: 'everyone',
    kind: 'limit',
    purpose: 'the same for much at once: blocks of a checkpoint, many prepares in one request',
    default: 200,
    lan: 100,
    wan: 800,
    jitter: 0,
    roundTrips: 0,
    diskWrites: 0,
  },
  read: {
    role: 'everyone',
    kind: 'timer',
    purpose: 'asks again for the confirmation of queries, and refuses what has waited too long',
    default: 5,
    lan: 3,
    wan: 40,
    jitter: 0,
    roundTrips: 2,
    diskWrites: 0,
  },
  scrub: {
    role: 'everyone',
    kind: 'limit',
    purpose: 'the scrubber reads again, whatever its tour needs',
    default: 10,
    lan: 10,
    wan: 10,
    jitter: 0,
    roundTrips: 0,
    diskWrites: 0,
  },
  repairSync: {
    role: 'backup',
    kind: 'timer',
    purpose: 'looks whether the gap is so wide that a checkpoint of a peer is nearer than the log',
    default: 50,
    lan: 20,
    wan: 250,
    jitter: 0.5,
    roundTrips: 2,
    diskWrites: 0,
  },
  quorumLoss: {
    role: 'everyone',
    kind: 'limit',
    purpose:
      'no quorum was seen for this long: requests and linearizable reads are refused, definitely, as no_quorum',
    default: 100,
    lan: 50,
    wan: 500,
    jitter: 0,
    roundTrips: 0,
    diskWrites: 0,
  },
} as const;

/** The name of a row of the table. */
export type TimeoutName = keyof typeof TIMEOUT_ROWS;

/** Those that run and fire; the others are compared. */
export type TimerName = {
  [N in TimeoutName]: (typeof TIMEOUT_ROWS)[N]['kind'] extends 'timer' ? N : never;
}[TimeoutName];

/** Ticks of 10 ms for each timeout. */
export type TimeoutTable = Readonly<Record<TimeoutName, number>>;

/** Refuses a row of another shape at compile time. */
const ROWS: Readonly<Record<TimeoutName, TimeoutSpec>> = TIMEOUT_ROWS;

/** Every timeout, in the order of the table. */
// SAFETY: the record's keys are exactly these.
export const TIMEOUT_NAMES: readonly TimeoutName[] = Object.keys(TIMEOUT_ROWS) as TimeoutName[];

/** The timeouts that run and fire. */
export const TIMER_NAMES: readonly TimerName[] = TIMEOUT_NAMES.filter(isTimer);

function isTimer(name: TimeoutName): name is TimerName {
  return ROWS[name].kind === 'timer';
}

/** The row of a timeout. */
export function timeoutRow(name: TimeoutName): TimeoutSpec {
  return ROWS[name];
}

/** The timeouts of a profile. */
export function timeoutsOfProfile(profile: TimeoutProfile): TimeoutTable {
  const entries = TIMEOUT_NAMES.map((name) => [name, ROWS[name][profile]]);
  return Object.fromEntries(entries) as TimeoutTable; // SAFETY: one entry for each name.
}

/** The timeouts of the profile `default`. */
export const TIMEOUTS_DEFAULT: TimeoutTable = timeoutsOfProfile('default');

/** `longer` lasts at least `times` as long as `shorter`; more than that where `strict`. */
export interface TimeoutRelation {
  readonly longer: TimeoutName;
  readonly shorter: TimeoutName;
  readonly times: number;
  readonly strict: boolean;
  readonly why: string;
}

function relation(
  longer: TimeoutName,
  shorter: TimeoutName,
  rule: { readonly times: number; readonly strict?: boolean; readonly why: string },
): TimeoutRelation {
  return { longer, shorter, strict: false, ...rule };
}

/** What the protocol leans on. Checked at start; a table that breaks one is refused. */
export const TIMEOUT_RELATIONS: readonly TimeoutRelation[] = [
  relation('silence', 'heartbeat', {
    times: 3,
    why: 'two heartbeats may be lost or late without a vote',
  }),
  relation('abdicate', 'silence', {
    times: 1,
    strict: true,
    why: 'backups that left the primary are heard of before it gives way by itself',
  }),
  relation('abdicate', 'ping', {
    times: 2,
    why: 'an idle primary that is heard at all is heard more than once in that time',
  }),
  relation('heartbeat', 'ping', {
    times: 1,
    why: 'a lost quorum is seen within two heartbeats',
  }),
  relation('heartbeat', 'commitMessage', {
    times: 1,
    why: 'a commit message that comes after the heartbeat says nothing new',
  }),
  relation('commitStall', 'prepare', {
    times: 2,
    why: 'one lost prepare or acknowledgement is no stall',
  }),
  relation('prepareLarge', 'prepare', {
    times: 1,
    why: 'what is large is not sent again sooner than what is small',
  }),
  relation('abdicate', 'prepareLarge', {
    times: 1,
    strict: true,
    why: 'a large prepare that was lost is sent again before the primary gives way',
  }),
  relation('clockLoss', 'clockSync', {
    times: 4,
    why: 'a few lost pongs are no lost clock',
  }),
  relation('quorumLoss', 'heartbeat', {
    times: 2,
    why: 'a quorum counts as lost only after two heartbeats',
  }),
  relation('viewChange', 'startViewChange', {
    times: 2,
    why: 'a lost vote is sent again before the view change is given up',
  }),
  relation('viewChange', 'doViewChange', {
    times: 2,
    why: 'a lost do_view_change is sent again before the view change is given up',
  }),
  relation('startViewChangeWindow', 'viewChange', {
    times: 1,
    strict: true,
    why: 'votes that come one after the other are counted together',
  }),
  relation('repairExpiry', 'repair', {
    times: 1,
    why: 'what expired is asked for again at the next look',
  }),
  relation('syncExpiry', 'repairExpiry', {
    times: 1,
    why: 'much at once is not given up sooner than a little',
  }),
];

/** What is wrong with a table: which timeouts, and a sentence that names them. */
export interface TimeoutsFault {
  readonly names: readonly TimeoutName[];
  readonly text: string;
}

/** Why a table of timeouts can't work, or null. `spell` writes a name as the reader knows it. */
export function timeoutsFault(
  table: TimeoutTable,
  spell: (name: TimeoutName) => string = (name) => name,
): TimeoutsFault | null {
  for (const name of TIMEOUT_NAMES) {
    const ticks = table[name];
    if (Number.isSafeInteger(ticks) && ticks >= 1) continue;
    return { names: [name], text: `${spell(name)} must be at least one tick of 10 ms` };
  }
  for (const { longer, shorter, times, strict, why } of TIMEOUT_RELATIONS) {
    const least = times * table[shorter];
    if (strict ? table[longer] > least : table[longer] >= least) continue;
    const bound = `${strict ? 'longer than' : 'at least'} ${times === 1 ? '' : `${times} times `}`;
    const values = `${table[longer] * 10} ms against ${table[shorter] * 10} ms`;
    const text = `${spell(longer)} must be ${bound}${spell(shorter)} (${values}): ${why}`;
    return { names: [longer, shorter], text };
  }
  return null;
}
