import { assert } from '@kimberlite/store';
import { type ClusterConfig, HEADERS_PER_SECTOR, Prng } from '@kimberlite/vsr';
import { replicationQuorum } from '../cluster/quorums.ts';

/**
 * What may go wrong with a part of one replica's log. Only one kind a place: a redundant header
 * that was never written and a body that rots in the same slot look exactly like a torn write,
 * which no design can tell apart (so this pair lies outside the fault model).
 */
export type WalFault = 'none' | 'rot' | 'misdirect_headers' | 'misdirect_prepares';

const KINDS: readonly WalFault[] = ['rot', 'rot', 'misdirect_headers', 'misdirect_prepares'];

export interface AtlasOptions {
  readonly replicaCount: number;
  readonly config: ClusterConfig;
  /** Faults in the log at all. */
  readonly wal: boolean;
  /** Faults in blocks at all. */
  readonly blocks: boolean;
  /** Everywhere in the log as many replicas as may be, and all of them by rot. */
  readonly rotten?: boolean;
}

/**
 * Where each replica's disk may be faulty, drawn once: at every place at most q_r - 1 replicas, so
 * that of whatever a quorum has acknowledged one good copy remains, and any loss is a bug.
 */
export class FaultAtlas {
  readonly replicaCount: number;
  private readonly options: AtlasOptions;
  private readonly faultyMax: number;
  private readonly blockSeed: bigint;
  /** Slots that may be faulty at a block address, as bits; filled when asked. */
  private readonly blockSlots: Map<number, number>;
  /** By slot and header sector: the fault of the sector and of all its prepares. */
  private readonly groups: WalFault[][];
  /** By slot and WAL slot: prepares that may rot though their header's group is sound. */
  private readonly prepares: boolean[][];
  /** By slot: a copy of the superblock may rot at rest. */
  private readonly superblocks: boolean[];

  constructor(prng: Prng, options: AtlasOptions) {
    this.replicaCount = options.replicaCount;
    this.options = options;
    this.faultyMax = replicationQuorum(options.replicaCount) - 1;
    this.blockSeed = prng.u64();
    this.blockSlots = new Map();
    this.groups = [];
    this.prepares = [];
    const sectors = Math.ceil(options.config.walSlots / HEADERS_PER_SECTOR);
    for (let slot = 0; slot < options.replicaCount; slot += 1) {
      this.groups.push(new Array<WalFault>(sectors).fill('none'));
      this.prepares.push(new Array<boolean>(options.config.walSlots).fill(false));
    }
    this.superblocks = this.groups.map(() => false);
    if (!options.wal || this.faultyMax === 0) return;
    for (let sector = 0; sector < sectors; sector += 1) this.drawSector(prng, sector);
    this.superblocks.forEach((_, slot) => {
      this.superblocks[slot] = prng.chance(0.5);
    });
  }

  /** One copy at a time, which any replica can mend by itself. */
  superblockMayRot(slot: number): boolean {
    return this.superblocks[slot] ?? false;
  }

  /** What may befall a header sector of this replica, and the prepares it describes. */
  walFault(slot: number, headerSector: number): WalFault {
    const group = this.groups[slot];
    assert(group !== undefined, 'the replica exists');
    return group[headerSector] ?? 'none';
  }

  headersMayRot(slot: number, headerSector: number): boolean {
    return this.walFault(slot, headerSector) === 'rot';
  }

  prepareMayRot(slot: number, walSlot: number): boolean {
    const group = this.walFault(slot, Math.floor(walSlot / HEADERS_PER_SECTOR));
    return group === 'rot' || (this.prepares[slot]?.[walSlot] ?? false);
  }

  /** Blocks have the same place on all replicas, so a place is an address. Drawn when asked. */
  blockMayFail(slot: number, address: number): boolean {
    const { replicaCount, blocks } = this.options;
    if (!blocks || replicaCount <= 2) return false;
    let faulty = this.blockSlots.get(address);
    if (faulty === undefined) {
      const prng = new Prng(this.blockSeed ^ BigInt(address));
      const slots = Array.from({ length: replicaCount }, (_, index) => index);
      const chosen = prng.shuffle(slots).slice(0, prng.below(this.faultyMax + 1));
      faulty = chosen.reduce((bits, index) => bits | (1 << index), 0);
      this.blockSlots.set(address, faulty);
    }
    return (faulty & (1 << slot)) !== 0;
  }

  private drawSector(prng: Prng, sector: number): void {
    const { replicaCount, config } = this.options;
    const slots = Array.from({ length: replicaCount }, (_, index) => index);
    const rotten = this.options.rotten ?? false;
    const count = rotten ? this.faultyMax : prng.below(this.faultyMax + 1);
    const whole = prng.shuffle(slots.slice()).slice(0, count);
    for (const slot of whole) {
      const kind = rotten ? 'rot' : prng.pick(KINDS);
      const group = this.groups[slot];
      if (group !== undefined) group[sector] = kind;
    }
    const first = sector * HEADERS_PER_SECTOR;
    const last = Math.min(first + HEADERS_PER_SECTOR, config.walSlots);
    for (let walSlot = first; walSlot < last; walSlot += 1) {
      const sound = slots.filter((slot) => !whole.includes(slot));
      const room = this.faultyMax - whole.length;
      for (const slot of prng.shuffle(sound).slice(0, prng.below(room + 1))) {
        const row = this.prepares[slot];
        if (row !== undefined) row[walSlot] = true;
      }
    }
  }
}
