import { CLOCK_TOLERANCE_MICROS, type ClockPort, type Prng } from '@kimberlite/vsr';
import type { FaultGate } from '../faults/fault-gate.ts';
import type { EventQueue } from '../std/event-queue.ts';

/** How one replica's clock errs. */
export interface ClockOptions {
  /** Microseconds ahead (or behind, when negative) of true time at the start. */
  readonly skewMicros: number;
  /** Microseconds gained in a second of true time; negative loses. */
  readonly driftMicrosPerSecond: number;
  /** Per tick: the wall clock jumps. */
  readonly stepProbability: number;
  /** Largest jump, either way, in microseconds. */
  readonly stepMicrosMax: number;
}

/** A clock that never errs. */
export const CLOCK_CALM: ClockOptions = {
  skewMicros: 0,
  driftMicrosPerSecond: 0,
  stepProbability: 0,
  stepMicrosMax: 0,
};

/** Wall time at which every run begins: microseconds since 1970. */
export const EPOCH_MICROS = 1_700_000_000_000_000;

/**
 * A machine's clock. The monotonic one runs at the machine's own speed and never goes back, pauses
 * or not; the wall clock is off by a skew and jumps.
 */
export class SimulatedClock implements ClockPort {
  private readonly queue: EventQueue;
  private readonly prng: Prng;
  private readonly options: ClockOptions;
  /** Jumps so far. */
  steps: number;
  /** Of those, the ones back in time. */
  stepsBack: number;
  private stepped: number;

  constructor(queue: EventQueue, prng: Prng, options: ClockOptions) {
    this.queue = queue;
    this.prng = prng;
    this.options = options;
    this.stepped = 0;
    this.steps = 0;
    this.stepsBack = 0;
  }

  /** Whether its wall clock ever jumps. */
  get jumps(): boolean {
    return this.options.stepProbability > 0;
  }

  get driftMicrosPerSecond(): number {
    return this.options.driftMicrosPerSecond;
  }

  monotonic(): number {
    return this.local(this.queue.now);
  }

  wall(): number {
    return EPOCH_MICROS + this.options.skewMicros + this.stepped + this.local(this.queue.now);
  }

  /** True microseconds that one local duration takes. */
  trueDuration(localMicros: number): number {
    const drift = this.options.driftMicrosPerSecond;
    return Math.max(1, Math.round((localMicros * 1_000_000) / (1_000_000 + drift)));
  }

  /** Once a tick while faults are on. `place` is the slot of the replica. */
  tick(faults: FaultGate, place: number): void {
    const { stepProbability, stepMicrosMax } = this.options;
    if (!this.prng.chance(stepProbability)) return;
    const step = this.prng.between(-stepMicrosMax, stepMicrosMax);
    if (!faults.allow('clock_step', place)) return;
    this.steps += 1;
    if (step < 0) this.stepsBack += 1;
    this.stepped += step;
  }

  private local(now: number): number {
    return now + Math.floor((now / 1_000_000) * this.options.driftMicrosPerSecond);
  }
}

/** Whether this clock is beyond the tolerance of all but a minority of them. */
export function isOutvoted(clock: SimulatedClock, clocks: readonly SimulatedClock[]): boolean {
  const wall = clock.wall();
  const near = clocks.filter((each) => Math.abs(each.wall() - wall) <= CLOCK_TOLERANCE_MICROS);
  return near.length <= clocks.length / 2;
}

/** Whether no majority of the clocks lies within the tolerance: nobody can agree with enough. */
export function clocksDisagree(clocks: readonly SimulatedClock[]): boolean {
  const walls = clocks.map((clock) => clock.wall()).sort((first, other) => first - other);
  const beyond = Math.floor(clocks.length / 2);
  return walls.every((wall, at) => {
    const last = walls[at + beyond];
    return last === undefined || last - wall > CLOCK_TOLERANCE_MICROS;
  });
}
