import { assert } from '@kimberlite/store';
import { SECTOR_SIZE } from '@kimberlite/vsr';

/** Bytes by which the block area grows at a time, and how far ahead of need it begins. */
export const BLOCK_AREA_STEP: number = 4 * 1024 * 1024;

/** A stretch of the file to fill with zeros. */
export interface Growth {
  readonly position: number;
  readonly length: number;
}

/**
 * Decides when the file grows. Blocks are written only where zeros were written before: then a
 * block costs no change of the file's metadata, and growing never touches a block. One growth is
 * under way at a time; positions are those of the whole file.
 */
export class BlockArea {
  /** End of what zeros were written to; a multiple of the sector. */
  #end: number;
  #growing: Growth | null;

  constructor(fileSize: number) {
    // A growth that was cut short leaves a partial sector, which nothing was written to.
    this.#end = fileSize - (fileSize % SECTOR_SIZE);
    this.#growing = null;
  }

  end(): number {
    return this.#end;
  }

  covers(end: number): boolean {
    return end <= this.#end;
  }

  /** The growth to begin because of a write that ends at `end`, or null when none is due. */
  growthFor(end: number): Growth | null {
    if (this.#growing !== null || end + BLOCK_AREA_STEP <= this.#end) return null;
    const target = Math.max(end + BLOCK_AREA_STEP, this.#end + BLOCK_AREA_STEP);
    const length = Math.ceil((target - this.#end) / BLOCK_AREA_STEP) * BLOCK_AREA_STEP;
    this.#growing = { position: this.#end, length };
    return this.#growing;
  }

  /**
   * So many bytes of it were written: fewer than all where there was no room for more, and a later
   * write asks again. Those count too: zeros stand there, which is all that a block asks for.
   */
  onGrown(growth: Growth, written: number): void {
    assert(this.#growing === growth, 'the growth that was begun');
    assert(written >= 0 && written <= growth.length, 'no more than was begun');
    this.#end = growth.position + written - (written % SECTOR_SIZE);
    this.#growing = null;
  }
}
