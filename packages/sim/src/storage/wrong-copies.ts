import { type Prng, SECTOR_SIZE } from '@kimberlite/vsr';
import type { SectorMemory } from './sector-memory.ts';

/**
 * Copies of the superblock that were stored wrongly: reading them back is what notices. Any number
 * of the four may be, but a crash takes these faults back: a copy that was never right and another
 * one torn by the same power cut are more than four copies can bear.
 */
export class WrongCopies {
  private readonly memory: SectorMemory;
  private readonly prng: Prng;
  /** First sectors of the wrong copies. */
  private readonly sectors: Set<number>;

  constructor(memory: SectorMemory, prng: Prng) {
    this.memory = memory;
    this.prng = prng;
    this.sectors = new Set();
  }

  /** A copy was stored, from this sector on; with this probability wrongly, if allowed. */
  onStored(firstSector: number, probability: number, allow: () => boolean): void {
    this.sectors.delete(firstSector);
    if (!this.prng.chance(probability)) return;
    const bit = this.prng.below((SECTOR_SIZE / 16) * 8);
    if (!allow()) return;
    this.memory.damage(firstSector, { kind: 'flip', bit });
    this.sectors.add(firstSector);
  }

  onCrash(): void {
    for (const sector of this.sectors) this.memory.restore(sector);
    this.sectors.clear();
  }
}
