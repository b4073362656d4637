import { type AnyMessage, isCommand, type ReplicaSnapshot, ZERO_CHECKSUM } from '@kimberlite/vsr';
import type { NodeHealths } from '../network/node-health.ts';
import type { Totals } from '../run/totals.ts';

/** Ticks after which a request is surely given up: for little, and for much at once. */
const GIVEN_UP_TICKS = 50;
const MUCH_GIVEN_UP_TICKS = 200;

/**
 * Sees whom replicas ask for repairs, and when they may ask nobody. The choice of a peer is judged
 * only where there was one: while a healthy peer waits with nothing asked of it. In a burst that
 * takes every place of every peer, slow ones are asked as well, and rightly.
 */
export class RepairWitness {
  private readonly totals: Totals;
  private readonly replicaCount: number;
  private readonly health: NodeHealths;
  /** By asking replica and peer: what it was asked for, and when that is given up at the latest. */
  private readonly waiting: readonly (readonly Map<string, number>[])[];

  constructor(totals: Totals, replicaCount: number, health: NodeHealths) {
    this.totals = totals;
    this.replicaCount = replicaCount;
    this.health = health;
    this.waiting = Array.from({ length: replicaCount }, () =>
      Array.from({ length: replicaCount }, () => new Map()),
    );
  }

  /** Once a tick: what is missing is not asked for, because every peer has its share already. */
  onSnapshot(state: ReplicaSnapshot): void {
    const missing = state.journalDirty > 0 || state.commitMin < state.commitMax;
    if (missing && state.repairSlots === 0) this.totals.repairBudgetFull += 1;
  }

  onSend(asked: { readonly slot: number; readonly to: number }, message: AnyMessage): void {
    const { slot, to } = asked;
    const key = keyOfRequest(message);
    if (to >= this.replicaCount || key === null) return;
    if (!this.health.isSlow(slot) && isChosen(message)) this.judge(slot, to);
    const ticks = isMuch(message) ? MUCH_GIVEN_UP_TICKS : GIVEN_UP_TICKS;
    this.waiting[slot]?.[to]?.set(key, this.totals.ticks + ticks);
  }

  /** An answer, of whomever, ends the request wherever it waits. */
  onReceive(slot: number, message: AnyMessage): void {
    const key = keyOfAnswer(message);
    if (key === null) return;
    for (const requests of this.waiting[slot] ?? []) requests.delete(key);
  }

  private judge(slot: number, to: number): void {
    let slow = 0;
    let idle = 0;
    for (let peer = 0; peer < this.replicaCount; peer += 1) {
      if (peer === slot) continue;
      if (this.health.isSlow(peer)) slow += 1;
      else if (this.isIdle(slot, peer)) idle += 1;
    }
    if (slow === 0 || idle === 0) return;
    const { totals } = this;
    totals.repairChoices += 1;
    if (this.health.isSlow(to)) totals.repairsOfSlow += 1;
  }

  private isIdle(slot: number, peer: number): boolean {
    const requests = this.waiting[slot]?.[peer];
    if (requests === undefined) return false;
    for (const [key, until] of requests) if (until <= this.totals.ticks) requests.delete(key);
    return requests.size === 0;
  }
}

/** A request whose peer is chosen: the next ops of a view come from its primary alone. */
function isChosen(message: AnyMessage): boolean {
  if (isCommand(message, 'requestPrepare')) return message.header.prepareChecksum !== ZERO_CHECKSUM;
  return message.header.command === 'requestHeaders';
}

function isMuch(message: AnyMessage): boolean {
  if (isCommand(message, 'requestPrepare')) return message.header.more > 0;
  return isCommand(message, 'requestBlocks');
}

/** Names what is waited for: peers send a range in order, so its last op. */
function keyOfRequest(message: AnyMessage): string | null {
  if (isCommand(message, 'requestPrepare')) {
    return `prepare ${message.header.op + message.header.more}`;
  }
  if (isCommand(message, 'requestHeaders')) return 'headers';
  return isCommand(message, 'requestBlocks') ? 'blocks' : null;
}

function keyOfAnswer(message: AnyMessage): string | null {
  if (isCommand(message, 'prepare')) return `prepare ${message.header.op}`;
  return isCommand(message, 'headers') ? 'headers' : null;
}
