import { type AnyMessage, isCommand, type ReplicaSnapshot, ZERO_CHECKSUM } from '@kimberlite/vsr';
import type { NodeHealths } from '../network/node-health.ts';
import type { Totals } from '../run/totals.ts';

/** Sees whom replicas ask for repairs, and when they may ask nobody. */
export class RepairWitness {
  private readonly totals: Totals;
  private readonly replicaCount: number;
  private readonly health: NodeHealths;
  /** Requests that slow peers would have had of a blind choice, less those that they had. */
  private spared: number;

  constructor(totals: Totals, replicaCount: number, health: NodeHealths) {
    this.totals = totals;
    this.replicaCount = replicaCount;
    this.health = health;
    this.spared = 0;
  }

  /** Once a tick: what is missing is not asked for, because every peer has its share already. */
  onSnapshot(state: ReplicaSnapshot): void {
    const missing = state.journalDirty > 0 || state.commitMin < state.commitMax;
    if (missing && state.repairSlots === 0) this.totals.repairBudgetFull += 1;
  }

  onSend(slot: number, to: number, message: AnyMessage): void {
    if (to >= this.replicaCount || this.health.isSlow(slot) || !isChosen(message)) return;
    let slow = 0;
    for (let peer = 0; peer < this.replicaCount; peer += 1) {
      if (peer !== slot && this.health.isSlow(peer)) slow += 1;
    }
    if (slow === 0) return;
    const asksSlow = this.health.isSlow(to);
    if (asksSlow) this.totals.repairsOfSlow += 1;
    this.spared += slow / (this.replicaCount - 1) - (asksSlow ? 1 : 0);
    this.totals.repairsSpared = Math.max(0, Math.floor(this.spared));
  }
}

/** A request whose peer is chosen: the next ops of a view come from its primary alone. */
function isChosen(message: AnyMessage): boolean {
  if (isCommand(message, 'requestPrepare')) return message.header.prepareChecksum !== ZERO_CHECKSUM;
  return message.header.command === 'requestHeaders' || message.header.command === 'requestBlocks';
}
