import type { EventQueue } from '../std/event-queue.ts';
import type { SimulatedClock } from './clock.ts';
import type { ReplicaProcess } from './replica-process.ts';

/** The times between which every sound clock of the cluster stands, microseconds since 1970. */
export interface ClockHull {
  readonly lowest: number;
  readonly highest: number;
}

/** What no replica knows: true time, and how the clocks stand to it. */
export interface TrueTime {
  /** Microseconds since the run began. */
  readonly now: () => number;
  /** True microseconds in which the clock of this replica gains so many. */
  readonly trueDuration: (slot: number, micros: number) => number;
  /**
   * Where the clocks stand as this replica looks at its own. Null where that says nothing: a clock
   * jumps, or the replica has just woken and deals with what came before by its time of then.
   */
  readonly clockHull: (slot: number) => ClockHull | null;
}

export function trueTimeOf(
  queue: EventQueue,
  clocks: readonly SimulatedClock[],
  replicas: readonly Pick<ReplicaProcess, 'unpausedAt'>[],
): TrueTime {
  return {
    now: () => queue.now,
    trueDuration: (slot, micros) => clocks[slot]?.trueDuration(micros) ?? micros,
    clockHull: (slot) =>
      replicas[slot]?.unpausedAt === queue.now ? null : clockHull(clocks, queue.now),
  };
}

/**
 * The slowest and the fastest, and what they drift apart: an interval that was agreed upon once is
 * carried on by the clock of one replica alone.
 */
function clockHull(clocks: readonly SimulatedClock[], now: number): ClockHull | null {
  if (clocks.some(({ jumps }) => jumps)) return null;
  const walls = clocks.map((clock) => clock.wall());
  const drifts = clocks.map(({ driftMicrosPerSecond }) => driftMicrosPerSecond);
  const apart = ((Math.max(...drifts) - Math.min(...drifts)) * now) / 1_000_000;
  return { lowest: Math.min(...walls) - apart, highest: Math.max(...walls) + apart };
}
