import type { ClockHull, TrueTime } from '../cluster/true-time.ts';
import type { HistoryEntry } from './history.ts';
import { check } from './violation.ts';

/** A time that is agreed upon is that of a clock within this: what clocks that agree may differ. */
const TOLERANCE_MICROS = 500_000;
/** Answers older than this say nothing of how clocks stand any more; and some time on top. */
const WINDOW_MICROS = 30_000_000;

/** A primary may look at its clock so long before it makes an op. */
const STALE_MICROS = 100_000;

/** Where the clocks stood when an op was made, and how well its primary could know of it. */
interface Made {
  readonly hull: ClockHull;
  /** The slowest answer of late, in microseconds. */
  readonly roundTrip: number;
  /** No op before it, given up or not, bore a later time than the one before this. */
  readonly floor: number;
}

export interface StampsSetup extends Pick<TrueTime, 'now' | 'monotonic' | 'clockHull'> {
  /** No replica lies: what is agreed upon is what clocks say. */
  readonly honest: boolean;
}

/** The longest round trips of a window and of the one before. */
interface Slowest {
  since: number;
  now: number;
  before: number;
}

/**
 * An op bears a time at which, when its primary made it, some clock of the cluster stood (VRR 4.4
 * leaves to the primary what it predicts; here users see it as the time of their write). A primary
 * that says that its clock is agreed upon owes more: a time near those of a majority of the clocks,
 * as near as it can know them. Later ones only where an op before was as late, one that a view gave
 * up included: a log is chosen with the times of all that its authors had. Clocks that jump are not
 * judged: what was agreed with one before its jump may stand for long.
 */
export class StampsInTime {
  private readonly setup: StampsSetup;
  /** By checksum; until it commits. */
  private readonly made: Map<bigint, Made>;
  /** By slot. */
  private readonly slowest: Map<number, Slowest>;
  /** The earliest time that the next op may bear, as timestamps grow. */
  private earliest: number;
  /** The same after all prepares that were ever sent. */
  private latestSent: number;

  constructor(setup: StampsSetup) {
    this.setup = setup;
    this.made = new Map();
    this.slowest = new Map();
    this.earliest = 0;
    this.latestSent = 0;
  }

  /** An answer is about to be taken: from those a replica knows what it knows of other clocks. */
  onPong(slot: number, { pingMonotonic }: { readonly pingMonotonic: number }): void {
    const roundTrip = this.setup.monotonic(slot) - pingMonotonic;
    const known = this.slowestOf(slot);
    known.now = Math.max(known.now, roundTrip);
  }

  /** A prepare is on its way. */
  onSent({ timestamp, count }: { readonly timestamp: number; readonly count: number }): void {
    this.latestSent = Math.max(this.latestSent, timestamp + count);
  }

  /** A primary gave this prepare its time. */
  onPrepared(slot: number, checksum: bigint): void {
    const hull = this.setup.clockHull(slot);
    if (hull === null) return;
    const { now, before } = this.slowestOf(slot);
    const roundTrip = Math.max(now, before);
    this.made.set(checksum, { hull, roundTrip, floor: this.latestSent });
  }

  onHistory({
    op,
    checksum,
    timestamp,
    requests,
  }: Pick<HistoryEntry, 'op' | 'checksum' | 'timestamp' | 'requests'>): void {
    const made = this.made.get(checksum);
    const { earliest } = this;
    this.made.delete(checksum);
    this.earliest = timestamp + requests.length;
    if (made === undefined) return;
    const { lowest, highest } = made.hull;
    check(
      'timestamps',
      timestamp >= lowest - TOLERANCE_MICROS,
      () => `op ${op} bears a time ${Math.round(lowest - timestamp)} us before the slowest clock`,
    );
    check(
      'timestamps',
      timestamp <= Math.max(highest + TOLERANCE_MICROS, earliest),
      () => `op ${op} bears a time ${Math.round(timestamp - highest)} us after the fastest clock`,
    );
    if (!this.setup.honest || !made.hull.agreed) return;
    if (timestamp <= Math.max(earliest, made.floor)) return;
    const near = clocksNear(timestamp, made);
    const majority = Math.floor(made.hull.walls.length / 2) + 1;
    check(
      'timestamps',
      near >= majority,
      () => `op ${op} bears a time that ${near} of ${majority} clocks agree upon`,
    );
  }

  private slowestOf(slot: number): Slowest {
    const now = this.setup.now();
    let known = this.slowest.get(slot);
    if (known === undefined) {
      known = { since: now, now: 0, before: 0 };
      this.slowest.set(slot, known);
    }
    if (now - known.since > WINDOW_MICROS) {
      known.before = now - known.since > 2 * WINDOW_MICROS ? 0 : known.now;
      known.since = now;
      known.now = 0;
    }
    return known;
  }
}

/**
 * A sample of a clock is off by half of its round trip, and is taken for as much less certain. So
 * is the own clock, for nothing.
 */
function clocksNear(timestamp: number, { hull, roundTrip }: Made): number {
  const reach = TOLERANCE_MICROS / 2 + STALE_MICROS + roundTrip + hull.apart;
  return hull.walls.filter((wall) => Math.abs(timestamp - wall) <= reach).length;
}
