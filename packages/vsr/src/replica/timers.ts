import { assert } from '@kimberlite/store';
import type { Prng } from '../std/prng.ts';
import {
  TIMEOUT_NAMES,
  type TimeoutName,
  type TimeoutTable,
  type TimerName,
  timeoutRow,
  timeoutsFault,
} from './timeout-table.ts';

/**
 * A slow network stretches what waits for it up to so many times its floor, a slow disk further:
 * disks differ by more than links do. No more: a measurement that is wrong must not put a cluster
 * to sleep.
 */
const STRETCH_MAX = 4;
const DISK_STRETCH_MAX = 16;

/**
 * Countdown timers, advanced by ticks. A timer that fired stays off until started again. Those that
 * wait for answers or for disks follow what was measured, never below what the table says.
 */
export class Timers {
  private readonly table: TimeoutTable;
  private readonly prng: Prng;
  /** Ticks so far. */
  private now: number;
  /** Of those that run: the tick at which each fires. */
  private readonly due: Map<TimerName, number>;
  /** No timer fires before this tick; there may be none at it either. */
  private earliest: number;
  /** What was drawn on top of each at its start; those that run. */
  private readonly drawn: Map<TimerName, number>;
  private readonly counts: Record<TimeoutName, number>;
  /** Ticks to a quorum and back, smoothed. */
  private roundTrip: number;
  /** Ticks that a write of this disk takes, smoothed. */
  private diskWrite: number;
  /** What `ticks` has worked out since the last new estimate. */
  private readonly lasting: Map<TimeoutName, number>;

  constructor(table: TimeoutTable, prng: Prng) {
    assert(timeoutsFault(table) === null, 'the timeouts work together');
    this.table = table;
    this.prng = prng;
    this.now = 0;
    this.due = new Map();
    this.earliest = 0;
    this.drawn = new Map();
    // SAFETY: one entry for each name.
    this.counts = noneFired();
    this.roundTrip = 0;
    this.diskWrite = 0;
    this.lasting = new Map();
  }

  /** Starts or restarts; `factor` stretches the base. */
  start(name: TimerName, factor = 1): void {
    const base = this.ticks(name) * factor;
    const jitter = Math.floor(base * timeoutRow(name).jitter);
    const drawn = jitter > 0 ? this.prng.below(jitter + 1) : 0;
    this.fireIn(name, Math.ceil(base) + drawn);
    this.drawn.set(name, drawn);
  }

  /** Starts unless it is running. */
  ensure(name: TimerName): void {
    if (!this.due.has(name)) this.start(name);
  }

  /** Fires at the next tick. */
  hurry(name: TimerName): void {
    this.fireIn(name, 1);
  }

  /** A running timer fires within so many ticks; one that is off stays off. */
  shorten(name: TimerName, ticks: number): void {
    assert(ticks >= 1, 'it fires in the future');
    const due = this.due.get(name);
    if (due !== undefined && due - this.now > ticks) this.fireIn(name, ticks);
  }

  /** A running timer fires without what was drawn on top of its base; one that is off stays off. */
  skipJitter(name: TimerName): void {
    const due = this.due.get(name);
    if (due === undefined) return;
    this.fireIn(name, Math.max(1, due - this.now - (this.drawn.get(name) ?? 0)));
    this.drawn.set(name, 0);
  }

  stop(name: TimerName): void {
    this.due.delete(name);
  }

  isRunning(name: TimerName): boolean {
    return this.due.has(name);
  }

  /** How long it lasts now, before jitter: the table's value, or more where answers take longer. */
  ticks(name: TimeoutName): number {
    const known = this.lasting.get(name);
    if (known !== undefined) return known;
    const ticks = this.stretched(name);
    this.lasting.set(name, ticks);
    return ticks;
  }

  private stretched(name: TimeoutName): number {
    const floor = this.table[name];
    const { roundTrips, diskWrites } = timeoutRow(name);
    const answers = Math.min(STRETCH_MAX * floor, Math.ceil(roundTrips * this.roundTrip));
    const writes = Math.min(DISK_STRETCH_MAX * floor, Math.ceil(diskWrites * this.diskWrite));
    return Math.max(floor, answers, writes);
  }

  /** Ticks that the table says: it never lasts shorter. */
  floor(name: TimeoutName): number {
    return this.table[name];
  }

  /** Ticks that its writes take on this disk, however many those are. */
  diskTicks(name: TimeoutName): number {
    return Math.ceil(timeoutRow(name).diskWrites * this.diskWrite);
  }

  /** A new estimate of the round trip to a quorum, in ticks; not necessarily whole. */
  adapt(roundTrip: number): void {
    assert(roundTrip >= 0, 'time goes forward');
    this.roundTrip = roundTrip;
    this.lasting.clear();
  }

  /** A new estimate of how long a write of this disk takes, in ticks; not necessarily whole. */
  adaptDisk(diskWrite: number): void {
    assert(diskWrite >= 0, 'time goes forward');
    this.diskWrite = diskWrite;
    this.lasting.clear();
  }

  /** A limit was exceeded: counted like a timer that fired. */
  count(name: TimeoutName): void {
    this.counts[name] += 1;
  }

  /** How often each ended since the start of the process. */
  fired(): Readonly<Record<TimeoutName, number>> {
    return this.counts;
  }

  /** One tick: returns the timers that fired, in a fixed order. */
  tick(): readonly TimerName[] {
    this.now += 1;
    if (this.now < this.earliest) return NONE;
    const fired: TimerName[] = [];
    this.earliest = Number.POSITIVE_INFINITY;
    for (const [name, due] of this.due) {
      if (due <= this.now) fired.push(name);
      else this.earliest = Math.min(this.earliest, due);
    }
    for (const name of fired) {
      this.due.delete(name);
      this.counts[name] += 1;
    }
    return fired;
  }

  private fireIn(name: TimerName, ticks: number): void {
    const due = this.now + ticks;
    this.due.set(name, due);
    if (due < this.earliest) this.earliest = due;
  }
}

const NONE: readonly TimerName[] = [];

/** No timeout has ended yet. */
export function noneFired(): Record<TimeoutName, number> {
  const counts = TIMEOUT_NAMES.map((name) => [name, 0] as const);
  return Object.fromEntries(counts) as Record<TimeoutName, number>; // SAFETY: every name is there.
}
