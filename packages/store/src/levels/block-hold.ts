/** A block in memory; its bytes are never written again, so views of them stay valid. */
export interface CachedBlock {
  readonly address: number;
  readonly name: Uint8Array;
  readonly bytes: Uint8Array;
  /** Looked at since the hand of the clock last passed. */
  used: boolean;
  /** Came because someone without a hold wants it, who has yet to look: not given up before. */
  awaited: boolean;
  /** Holds that keep it, and how many of them count for the limit. */
  holds: number;
  limited: number;
  /** Where it stands in the ring of what may be given up; -1 outside of it. */
  place: number;
}

/**
 * What one reader needs in memory at one moment, however many rounds of reading that takes: the
 * blocks that it has found stay, and those that it has missed stay with it when they come. Made by
 * `Forest.hold`; of use again after a release.
 */
export class BlockHold {
  /**
   * What it keeps counts for no limit: it belongs to the one reader of its kind that may go on
   * whatever the others hold. Set at any time by `Forest.privilege`.
   */
  privileged: boolean;
  /** Owner: block-cache.ts. */
  readonly found: Set<CachedBlock> = new Set();
  /** Addresses of the blocks that are wanted for it. Owner: block-demand.ts. */
  readonly missing: Set<number> = new Set();

  constructor(privileged: boolean) {
    this.privileged = privileged;
  }

  /** Blocks that it keeps or waits for. */
  get size(): number {
    return this.found.size + this.missing.size;
  }

  /** Whether what it has missed is still to come; until then looking again is of no use. */
  get waits(): boolean {
    return this.missing.size > 0;
  }
}
