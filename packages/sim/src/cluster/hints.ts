import type { Prng } from '@kimberlite/vsr';
import type { FaultGate } from '../faults/fault-gate.ts';
import type { EventQueue } from '../std/event-queue.ts';
import { drawExponential } from '../std/exponential.ts';
import type { ReplicaProcess } from './replica-process.ts';

/** What a replica learns of the death of another's process, by being refused a connection. */
export interface HintOptions {
  /** A replica learns that another has died. */
  readonly toldProbability: number;
  /** Until it does, mean in microseconds. */
  readonly delayMeanMicros: number;
  /** Per pair of replicas and tick: the one is told so of the other, dead or alive. */
  readonly falseProbability: number;
}

export const HINTS_OFF: HintOptions = {
  toldProbability: 0,
  delayMeanMicros: 0,
  falseProbability: 0,
};

/**
 * Refused connections, which the simulated network does not have: packets to a dead process vanish.
 * What the core makes of them must be right whether they come, come late, or are wrong.
 */
export class Hints {
  private readonly queue: EventQueue;
  private readonly prng: Prng;
  private options: HintOptions;
  /** Of wrong hints; deaths are not the same in a replay without some faults. */
  private readonly falsePrng: Prng;
  private readonly replicas: readonly ReplicaProcess[];
  private readonly faults: FaultGate;

  constructor(setup: {
    readonly queue: EventQueue;
    readonly prng: Prng;
    readonly options: HintOptions;
    readonly replicas: readonly ReplicaProcess[];
    readonly faults: FaultGate;
  }) {
    this.queue = setup.queue;
    this.prng = setup.prng;
    this.falsePrng = setup.prng.fork();
    this.options = setup.options;
    this.replicas = setup.replicas;
    this.faults = setup.faults;
  }

  /** A process is gone; returns how many others will be told. */
  onDied(slot: number): number {
    const { toldProbability, delayMeanMicros } = this.options;
    if (toldProbability === 0) return 0;
    let told = 0;
    for (const replica of this.replicas) {
      if (replica.slot === slot || !this.prng.chance(toldProbability)) continue;
      told += 1;
      const delay = drawExponential(this.prng, delayMeanMicros);
      this.queue.after(delay, () => replica.peerRefused(slot));
    }
    return told;
  }

  /** Draws wrong hints; returns how many. */
  tick(): number {
    const { falseProbability } = this.options;
    if (falseProbability === 0) return 0;
    let wrong = 0;
    for (const replica of this.replicas) {
      for (const { slot } of this.replicas) {
        if (slot === replica.slot || !this.falsePrng.chance(falseProbability)) continue;
        if (!this.faults.allow('hint', replica.slot, slot)) continue;
        wrong += 1;
        replica.peerRefused(slot);
      }
    }
    return wrong;
  }

  endFalse(): void {
    this.options = { ...this.options, falseProbability: 0 };
  }
}
