import { type Interval, marzullo } from './marzullo.ts';

/** Two clocks that agree may still differ by this much; wider disagreement is no agreement. */
export const CLOCK_TOLERANCE_MICROS = 500_000;
/** Samples older than this say nothing any more. */
export const CLOCK_WINDOW_MICROS = 20_000_000;
/** How fast a crystal may run away, in parts: 200 ppm, twice a bad one. */
const DRIFT = 0.0002;

interface Sample {
  /** Of the peer's clock to this replica's monotonic one. */
  readonly offset: number;
  readonly roundTrip: number;
  readonly at: number;
}

/**
 * The cluster's clock: this replica's wall clock, held inside the interval that a majority agrees
 * upon. Without agreement it goes on by its own clock, never outside the last agreed interval grown
 * by the drift bound. Intervals are held against the monotonic clock, for the wall clock may jump.
 * Safety never depends on it: only the quality of timestamps does.
 */
export class ClusterClock {
  private readonly majority: number;
  /** The best (shortest round trip) sample of each peer in the window. */
  private readonly samples: Map<number, Sample>;
  private agreed: (Interval & { readonly at: number }) | null;
  synchronized: boolean;

  constructor(majority: number) {
    this.majority = majority;
    this.samples = new Map();
    this.agreed = null;
    this.synchronized = majority === 1;
  }

  /** A pong: sent at `sent`, answered with the peer's wall clock, received now. */
  learn(
    peer: number,
    sample: { readonly sent: number; readonly peerWall: number },
    monotonic: number,
  ): void {
    const roundTrip = monotonic - sample.sent;
    if (roundTrip < 0) return; // A pong of an earlier life of this process.
    const known = this.samples.get(peer);
    const fresh = known !== undefined && monotonic - known.at < CLOCK_WINDOW_MICROS / 4;
    if (fresh && known.roundTrip <= roundTrip) return;
    const offset = sample.peerWall + roundTrip / 2 - monotonic;
    this.samples.set(peer, { offset, roundTrip, at: monotonic });
  }

  /** Works out agreement anew; true when being synchronized changed. */
  synchronize(now: { readonly monotonic: number; readonly wall: number }): boolean {
    const { monotonic } = now;
    const half = CLOCK_TOLERANCE_MICROS / 2;
    const own = now.wall - monotonic;
    const intervals: Interval[] = [{ lower: own - half, upper: own + half }];
    for (const [peer, sample] of this.samples) {
      if (monotonic - sample.at > CLOCK_WINDOW_MICROS) {
        this.samples.delete(peer);
        continue;
      }
      const error = sample.roundTrip / 2 + half;
      intervals.push({ lower: sample.offset - error, upper: sample.offset + error });
    }
    const agreement = marzullo(intervals);
    const was = this.synchronized;
    this.synchronized = agreement !== null && agreement.sources >= this.majority;
    if (this.synchronized && agreement !== null) this.agreed = { ...agreement, at: monotonic };
    return was !== this.synchronized;
  }

  /** The cluster's time in microseconds since 1970. */
  now(monotonic: number, wall: number): number {
    if (this.agreed === null) return wall;
    const drift = Math.max(0, monotonic - this.agreed.at) * DRIFT;
    const lower = this.agreed.lower - drift;
    const upper = this.agreed.upper + drift;
    const offset = Math.min(Math.max(wall - monotonic, lower), upper);
    return Math.floor(monotonic + offset);
  }
}
