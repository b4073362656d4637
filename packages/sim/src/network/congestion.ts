import { assert } from '@kimberlite/store';
import type { Prng } from '@kimberlite/vsr';
import type { FaultGate } from '../faults/fault-gate.ts';

/**
 * Links that flap between clear and congested ("swizzle clogging"). Unlike a clogged link, which
 * holds everything back and then lets it go, a congested one is slow and loses packets.
 * Probabilities are per link and tick, but for the loss, which is per packet.
 */
export interface CongestionOptions {
  readonly beginProbability: number;
  readonly endProbability: number;
  /** What delays are multiplied with. */
  readonly delayFactor: number;
  readonly lossProbability: number;
}

export const CONGESTION_OFF: CongestionOptions = {
  beginProbability: 0,
  endProbability: 1,
  delayFactor: 1,
  lossProbability: 0,
};

/** Links that are congested a sixth of the time, and then lose a tenth. */
export const CONGESTION_MILD: CongestionOptions = {
  beginProbability: 0.1,
  endProbability: 0.5,
  delayFactor: 2,
  lossProbability: 0.1,
};

/** Links that are congested more often than not, and then lose half. */
export const CONGESTION_AGGRESSIVE: CongestionOptions = {
  beginProbability: 0.3,
  endProbability: 0.2,
  delayFactor: 10,
  lossProbability: 0.5,
};

export interface CongestionSetup {
  readonly prng: Prng;
  readonly options: CongestionOptions;
  readonly nodeCount: number;
  readonly faults: FaultGate | null;
}

/** Which links are congested now. */
export class Congestion {
  /** Links that became congested. */
  begun: number;
  private readonly prng: Prng;
  /** Of packets, which are not the same in a replay without some faults. */
  private readonly lossPrng: Prng;
  /** By link: the run goes without this congestion. */
  private readonly heldBack: boolean[];
  private readonly nodeCount: number;
  private readonly faults: FaultGate | null;
  private readonly congested: boolean[];
  private options: CongestionOptions;

  constructor({ prng, options, nodeCount, faults }: CongestionSetup) {
    this.begun = 0;
    this.prng = prng.fork();
    this.lossPrng = prng.fork();
    this.heldBack = new Array<boolean>(nodeCount * nodeCount).fill(false);
    this.nodeCount = nodeCount;
    this.faults = faults;
    this.congested = new Array<boolean>(nodeCount * nodeCount).fill(false);
    this.options = options;
  }

  /** Once a tick while faults are on. */
  tick(): void {
    const { beginProbability, endProbability } = this.options;
    if (beginProbability === 0) return;
    for (let link = 0; link < this.congested.length; link += 1) {
      const from = Math.floor(link / this.nodeCount);
      const to = link % this.nodeCount;
      if (from === to) continue;
      if (this.congested[link] === true) {
        if (this.prng.chance(endProbability)) this.congested[link] = false;
      } else if (this.prng.chance(beginProbability)) {
        this.congested[link] = true;
        // One that is held back lasts as long, and does nothing: so it moves no later one.
        const real = this.faults?.allow('congestion', from, to) ?? true;
        this.heldBack[link] = !real;
        if (real) this.begun += 1;
      }
    }
  }

  /** All links are clear, and stay so. */
  end(): void {
    this.congested.fill(false);
    this.options = CONGESTION_OFF;
  }

  /** What the delay of a packet from one node to the other is multiplied with. */
  delayFactor(from: number, to: number): number {
    return this.isCongested(from, to) ? this.options.delayFactor : 1;
  }

  /** Whether the link loses this packet. Draws only where it is congested. */
  loses(from: number, to: number): boolean {
    return this.isCongested(from, to) && this.lossPrng.chance(this.options.lossProbability);
  }

  private isCongested(from: number, to: number): boolean {
    const link = from * this.nodeCount + to;
    const congested = this.congested[link];
    assert(congested !== undefined, 'both nodes exist');
    return congested && this.heldBack[link] === false;
  }
}
