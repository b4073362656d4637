/** A message on its arrival, as far as lies are concerned. */
export interface Arrival {
  readonly from: number;
  readonly to: number;
  /** The kind of the mutation; null of what its author said. */
  readonly lie: string | null;
}

/**
 * Lies as they arrive. Without them a refusal is one of the many that loss, delay and repetition
 * cause by themselves, and a replica that stops has no reason to.
 */
export class HeardLies {
  /** Lies that came to a replica other than the liar, or were no message when they came. */
  delivered: number;
  /** Of those, the ones that were refused by name, or were no message. */
  rejected: number;
  private readonly liar: number;
  /** Replicas that were lied to, or heard somebody who had been: in whatever life. */
  private readonly reached: Set<number>;
  /** Replicas that were told a lie and did not refuse it, or have a wrong state of their own. */
  private readonly told: Set<number>;
  /** Who is being told a lie just now; null while nobody is. */
  private hearing: number | null;
  private refused: boolean;

  /** `stray`: the liar's own state is wrong, so that it need not hear any lie. */
  constructor(liar: number, { stray }: { readonly stray: boolean }) {
    this.delivered = 0;
    this.rejected = 0;
    this.liar = liar;
    this.reached = new Set(stray ? [liar] : []);
    this.told = new Set(this.reached);
    this.hearing = null;
    this.refused = false;
  }

  /** Somebody takes a message: what it traces meanwhile is about that one. */
  hear({ from, to, lie }: Arrival, take: () => void): void {
    if (lie !== null || this.reached.has(from)) this.reached.add(to);
    if (lie === null || to === this.liar) {
      take();
      return;
    }
    this.delivered += 1;
    this.hearing = to;
    this.refused = false;
    take();
    if (!this.refused) this.told.add(to);
    this.hearing = null;
  }

  /** A lie that arrived and is no message. */
  onUndecodable(): void {
    this.delivered += 1;
    this.rejected += 1;
  }

  /** This replica refuses what it hears; true when that is a lie, once for each. */
  onRefused(slot: number): boolean {
    if (this.hearing !== slot || this.refused) return false;
    this.refused = true;
    this.rejected += 1;
    return true;
  }

  /** Whether a lie can be behind anything that happens at all. */
  get any(): boolean {
    return this.reached.size > 0;
  }

  /**
   * Whether a lie can be behind what this replica does. Words that were on their way when their
   * author was lied to count as said afterwards.
   */
  hasReached(slot: number): boolean {
    return this.reached.has(slot);
  }

  /** Whether this replica itself was told a lie that it did not refuse. */
  wasTold(slot: number): boolean {
    return this.told.has(slot) || this.hearing === slot;
  }
}
