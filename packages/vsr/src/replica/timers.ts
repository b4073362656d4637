import { assert } from '@kimberlite/store';
import type { Prng } from '../std/prng.ts';

/**
 * Every timeout, in ticks of 10 ms. `jitter` is the share of the base that is drawn on top at each
 * start: where peers could act in step, they must not. Handlers are in replica/tick.ts.
 */
export interface TimeoutTable {
  /** Primary: commit message to every backup, the heartbeat. */
  readonly heartbeat: number;
  /** Backup: silence of the primary before it votes to leave the view. Well above `heartbeat`. */
  readonly silence: number;
  /** Primary: prepares without a quorum are sent again. */
  readonly prepare: number;
  /** Everyone: ping to each peer (clock samples, liveness, view). */
  readonly ping: number;
  /** Votes to leave the view are sent again. */
  readonly startViewChange: number;
  /** Votes are forgotten after this. */
  readonly startViewChangeWindow: number;
  /** do_view_change is sent again. */
  readonly doViewChange: number;
  /** A view change that does not end: vote to leave that view too. Grows with each attempt. */
  readonly viewChange: number;
  /** request_start_view is sent again. */
  readonly requestStartView: number;
  /** Look for what is missing and ask for it. */
  readonly repair: number;
  /** Primary: unheard or without a new ack for this long, it gives way. Above `silence`. */
  readonly abdicate: number;
  /** Repair requests without an answer are given up. */
  readonly repairExpiry: number;
  /** Scrubber: the longest pause between two of its reads; shorter where a tour needs it. */
  readonly scrub: number;
}

export type TimerName = keyof TimeoutTable;

export const TIMEOUTS_DEFAULT: TimeoutTable = {
  heartbeat: 10,
  silence: 50,
  prepare: 25,
  ping: 20,
  startViewChange: 10,
  startViewChangeWindow: 500,
  doViewChange: 20,
  viewChange: 150,
  requestStartView: 20,
  repair: 5,
  abdicate: 75,
  repairExpiry: 50,
  scrub: 10,
};

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

/** Why a table of timeouts can't work, or null. */
export function timeoutsFault(table: TimeoutTable): string | null {
  for (const [name, ticks] of Object.entries(table)) {
    if (!Number.isSafeInteger(ticks) || ticks < 1) return `${name} must be at least one tick`;
  }
  if (table.silence < 3 * table.heartbeat) return 'silence must be at least three heartbeats';
  if (table.abdicate <= table.silence) return 'abdicate must be longer than silence';
  if (table.ping * 2 > table.abdicate) return 'ping must be at most half of abdicate';
  return null;
}

/** Countdown timers, advanced by ticks. A timer that fired stays off until started again. */
export class Timers {
  private readonly table: TimeoutTable;
  private readonly prng: Prng;
  private readonly left: Map<TimerName, number>;

  constructor(table: TimeoutTable, prng: Prng) {
    assert(timeoutsFault(table) === null, 'the timeouts work together');
    this.table = table;
    this.prng = prng;
    this.left = new Map();
  }

  /** Starts or restarts; `factor` stretches the base. */
  start(name: TimerName, factor = 1): void {
    const base = this.table[name] * factor;
    const jitter = Math.floor(base * JITTER[name]);
    this.left.set(name, Math.ceil(base) + (jitter > 0 ? this.prng.below(jitter + 1) : 0));
  }

  /** Starts unless it is running. */
  ensure(name: TimerName): void {
    if (!this.left.has(name)) this.start(name);
  }

  /** Fires at the next tick. */
  hurry(name: TimerName): void {
    this.left.set(name, 1);
  }

  stop(name: TimerName): void {
    this.left.delete(name);
  }

  isRunning(name: TimerName): boolean {
    return this.left.has(name);
  }

  ticks(name: TimerName): number {
    return this.table[name];
  }

  /** One tick: returns the timers that fired, in a fixed order. */
  tick(): TimerName[] {
    const fired: TimerName[] = [];
    for (const [name, left] of this.left) {
      if (left <= 1) fired.push(name);
      else this.left.set(name, left - 1);
    }
    for (const name of fired) this.left.delete(name);
    return fired;
  }
}
