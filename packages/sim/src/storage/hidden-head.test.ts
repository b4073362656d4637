import { CONFIG_SIMULATION, Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { FaultAtlas } from './fault-atlas.ts';
import { type HeadDisk, hideHead } from './hidden-head.ts';
import { SectorMemory } from './sector-memory.ts';

const config = CONFIG_SIMULATION;
const REPLICAS = [0, 1, 2];

/** The disks of three replicas that share an atlas, each with the same log: op 20 is its head. */
function disks(rotten: boolean): HeadDisk[] {
  const atlas = new FaultAtlas(new Prng(3n), {
    replicaCount: 3,
    config,
    wal: true,
    blocks: false,
    rotten,
  });
  return REPLICAS.map((slot) => ({
    slot,
    config,
    atlas,
    headers: new SectorMemory(1n),
    prepares: new SectorMemory(2n),
    faults: null,
  }));
}

const WAL_SLOTS = [20, 19, 18];

describe('hidden heads', () => {
  it('rot on one of three disks only, so that a quorum keeps the op', () => {
    const hidden = disks(true).map((disk) => {
      let ops = 0;
      for (let seed = 0n; seed < 20n; seed += 1n) ops += hideHead(disk, WAL_SLOTS, new Prng(seed));
      return ops > 0;
    });
    expect(hidden.filter(Boolean)).toHaveLength(1);
  });

  it('take the body, and mostly the redundant header with it', () => {
    const found = new Set<string>();
    for (let seed = 0n; seed < 40n; seed += 1n) {
      for (const disk of disks(true)) {
        const ops = hideHead(disk, WAL_SLOTS, new Prng(seed));
        if (ops === 0) continue;
        expect(disk.prepares.damagedSectors()).toHaveLength(ops);
        found.add(`${ops} ${disk.headers.damagedSectors().length}`);
      }
    }
    // With the header one op, whose sector it is; without it up to three.
    expect([...found].sort()).toEqual(['1 0', '1 1', '2 0', '3 0']);
  });

  it('do nothing to an empty log', () => {
    for (const disk of disks(true)) expect(hideHead(disk, [], new Prng(1n))).toBe(0);
  });
});
