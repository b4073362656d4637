import type { ClockHull, TrueTime } from '../cluster/true-time.ts';
import type { HistoryEntry } from './history.ts';
import { check } from './violation.ts';

/** A time that is agreed upon is that of a clock within this: what clocks that agree may differ. */
const TOLERANCE_MICROS = 500_000;

/**
 * An op bears a time at which, when its primary made it, some clock of the cluster stood (VRR 4.4
 * leaves to the primary what it predicts; here users see it as the time of their write). Later ones
 * only where the op before was as late. Clocks that jump are not judged: what was agreed with one
 * before its jump may stand for long.
 */
export class StampsInTime {
  private readonly clockHull: TrueTime['clockHull'];
  /** By checksum: where the clocks stood when the op was made; until it commits. */
  private readonly made: Map<bigint, ClockHull>;
  /** The earliest time that the next op may bear, as timestamps grow. */
  private earliest: number;

  constructor({ clockHull }: Pick<TrueTime, 'clockHull'>) {
    this.clockHull = clockHull;
    this.made = new Map();
    this.earliest = 0;
  }

  /** A primary gave this prepare its time. */
  onPrepared(slot: number, checksum: bigint): void {
    const hull = this.clockHull(slot);
    if (hull !== null) this.made.set(checksum, hull);
  }

  onHistory({
    op,
    checksum,
    timestamp,
    requests,
  }: Pick<HistoryEntry, 'op' | 'checksum' | 'timestamp' | 'requests'>): void {
    const hull = this.made.get(checksum);
    const { earliest } = this;
    this.made.delete(checksum);
    this.earliest = timestamp + requests.length;
    if (hull === undefined) return;
    const { lowest, highest } = hull;
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
  }
}
