import type { Prng } from '@kimberlite/vsr';

/** Times in which all clients ask so many times as often as else. Probabilities are per tick. */
export interface BurstOptions {
  /** 1: there are none. */
  readonly factor: number;
  readonly beginProbability: number;
  readonly endProbability: number;
}

/** Clients ask alike all the time. */
export const BURSTS_OFF: BurstOptions = { factor: 1, beginProbability: 0, endProbability: 1 };

/** The bursts of a run. */
export class Bursts {
  /** Those that have begun. */
  begun: number;
  private readonly options: BurstOptions;
  private on: boolean;

  constructor(options: BurstOptions) {
    this.begun = 0;
    this.options = options;
    this.on = false;
  }

  /** One tick: how many times as often as else clients ask now. */
  next(prng: Prng): number {
    const { factor, beginProbability, endProbability } = this.options;
    if (factor === 1) return 1;
    if (prng.chance(this.on ? endProbability : beginProbability)) {
      this.on = !this.on;
      if (this.on) this.begun += 1;
    }
    return this.on ? factor : 1;
  }
}
