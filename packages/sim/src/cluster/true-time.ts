import type { EventQueue } from '../std/event-queue.ts';
import type { SimulatedClock } from './clock.ts';
import type { ReplicaProcess } from './replica-process.ts';

/** The times between which every sound clock of the cluster stands, microseconds since 1970. */
export interface ClockHull {
  readonly lowest: number;
  readonly highest: number;
  /** Where each clock stands, and what they drift apart. */
  readonly walls: readonly number[];
  readonly apart: number;
  /** The replica says that its clock is agreed upon, and has never slept. */
  readonly agreed: boolean;
}

/** What no replica knows: true time, and how the clocks stand to it. */
export interface TrueTime {
  /** Microseconds since the run began. */
  readonly now: () => number;
  /** The monotonic clock of this replica. */
  readonly monotonic: (slot: number) => number;
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
  replicas: readonly Pick<ReplicaProcess, 'unpausedAt' | 'snapshot'>[],
): TrueTime {
  return {
    now: () => queue.now,
    monotonic: (slot) => clocks[slot]?.monotonic() ?? queue.now,
    trueDuration: (slot, micros) => clocks[slot]?.trueDuration(micros) ?? micros,
    clockHull: (slot) => {
      const replica = replicas[slot];
      if (replica === undefined || replica.unpausedAt === queue.now) return null;
      const agreed = replica.unpausedAt < 0 && replica.snapshot()?.clockSynchronized === true;
      return clockHull(clocks, { now: queue.now, agreed });
    },
  };
}

/**
 * The slowest and the fastest, and what they drift apart: an interval that was agreed upon once is
 * carried on by the clock of one replica alone.
 */
function clockHull(
  clocks: readonly SimulatedClock[],
  { now, agreed }: { readonly now: number; readonly agreed: boolean },
): ClockHull | null {
  if (clocks.some(({ jumps }) => jumps)) return null;
  const walls = clocks.map((clock) => clock.wall());
  const drifts = clocks.map(({ driftMicrosPerSecond }) => driftMicrosPerSecond);
  const apart = ((Math.max(...drifts) - Math.min(...drifts)) * now) / 1_000_000;
  const lowest = Math.min(...walls) - apart;
  return { lowest, highest: Math.max(...walls) + apart, walls, apart, agreed };
}
