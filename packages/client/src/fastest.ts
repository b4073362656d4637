import type { Prng } from '@kimberlite/vsr';

/** Share of a new measurement in the smoothed one. */
const WEIGHT = 0.2;
/** Share of picks that try another than the fastest: a slow one may have become fast. */
const TRIAL = 0.02;

/** Which replica answers fastest, by smoothed times from question to answer. */
export class Fastest {
  private readonly prng: Prng;
  private readonly millisBySlot: Map<number, number>;

  constructor(prng: Prng) {
    this.prng = prng;
    this.millisBySlot = new Map();
  }

  /** It took so many milliseconds from the question to this replica to an answer, if any came. */
  observe(slot: number, millis: number): void {
    const known = this.millisBySlot.get(slot);
    this.millisBySlot.set(slot, known === undefined ? millis : known + WEIGHT * (millis - known));
  }

  /** Its connection broke: it is measured anew when it is back. */
  forget(slot: number): void {
    this.millisBySlot.delete(slot);
  }

  /** The fastest of these, those without a measurement first; null for none. */
  pick(slots: readonly number[]): number | null {
    const [first] = slots;
    if (first === undefined) return null;
    if (this.prng.chance(TRIAL)) return this.prng.pick(slots);
    let best = first;
    for (const slot of slots) if (this.millis(slot) < this.millis(best)) best = slot;
    return best;
  }

  private millis(slot: number): number {
    return this.millisBySlot.get(slot) ?? 0;
  }
}
