import { assert } from '@kimberlite/store';
import type { Prng } from '@kimberlite/vsr';

/** How a node's own end of all its links behaves: its card, its driver, its loop. */
export interface NodeHealth {
  /** What the delay of everything that it sends or is sent is multiplied with. */
  readonly delayFactor: number;
  /** Of what it sends or is sent. */
  readonly lossProbability: number;
  /** What it sends reaches nobody. */
  readonly muted: boolean;
  /** What it is sent never reaches it. */
  readonly deaf: boolean;
}

export const NODE_HEALTHY: NodeHealth = {
  delayFactor: 1,
  lossProbability: 0,
  muted: false,
  deaf: false,
};

/** The health of every node; all are healthy at first. */
export class NodeHealths {
  private readonly prng: Prng;
  private readonly nodes: NodeHealth[];

  constructor(prng: Prng, nodeCount: number) {
    this.prng = prng;
    this.nodes = new Array<NodeHealth>(nodeCount).fill(NODE_HEALTHY);
  }

  set(node: number, health: NodeHealth): void {
    assert(node < this.nodes.length, 'the node exists');
    this.nodes[node] = health;
  }

  healAll(): void {
    this.nodes.fill(NODE_HEALTHY);
  }

  /** What it sends and is sent takes longer than usual. */
  isSlow(node: number): boolean {
    return this.at(node).delayFactor > 1;
  }

  delayFactor(from: number, to: number): number {
    return this.at(from).delayFactor * this.at(to).delayFactor;
  }

  /** Whether either end loses this packet. Draws only where an end is ill. */
  loses(from: number, to: number): boolean {
    const source = this.at(from);
    const target = this.at(to);
    if (source === NODE_HEALTHY && target === NODE_HEALTHY) return false;
    if (source.muted || target.deaf) return true;
    const loss = Math.max(source.lossProbability, target.lossProbability);
    return loss > 0 && this.prng.chance(loss);
  }

  private at(node: number): NodeHealth {
    const health = this.nodes[node];
    assert(health !== undefined, 'the node exists');
    return health;
  }
}
