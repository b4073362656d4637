import { overlap, type Write } from './write.ts';

interface Waiting {
  readonly write: Write;
  readonly go: () => void;
}

/**
 * The room that a file system leaves for the block area, as the server's file storage deals with
 * it: blocks that stand where the file has grown to are written, those beyond wait for the growth,
 * and where there is no room they go on waiting. Nothing of them is on its way to the disk.
 */
export class BlockRoom {
  /** Writes that had to wait, and those of them that came to their room. */
  readonly counts: { refused: number; admitted: number } = { refused: 0, admitted: 0 };
  /** First sector that the file does not reach. */
  private end: number;
  /** First sector that it may not reach; null: it may grow. */
  private limit: number | null;
  private waiting: Waiting[];

  constructor() {
    this.end = 0;
    this.limit = null;
    this.waiting = [];
  }

  /** Sectors that the file has grown to. */
  get size(): number {
    return this.end;
  }

  /** Blocks wait because there is no room for them. */
  get isWanting(): boolean {
    return this.waiting.length > 0;
  }

  /** From now on the file may grow to so many sectors; what it has it keeps. Null: without end. */
  setLimit(limit: number | null): void {
    this.limit = limit;
    const { waiting } = this;
    this.waiting = [];
    for (const each of waiting) {
      if (this.grow(each.write)) {
        this.counts.admitted += 1;
        each.go();
      } else this.waiting.push(each);
    }
  }

  /** A write begins, now or when there is room for it. */
  begin(write: Write, go: () => void): void {
    if (write.zone !== 'blocks' || this.grow(write)) {
      go();
      return;
    }
    this.counts.refused += 1;
    this.waiting.push({ write, go });
  }

  /** Writes that wait. */
  writes(): readonly Write[] {
    return this.waiting.map(({ write }) => write);
  }

  /** Whether one that waits has a sector in common with this one. */
  overlaps(write: Write): boolean {
    return this.waiting.some((other) => overlap(write, other.write));
  }

  /** What waits is asked for by nobody any more, and nothing of it was written. */
  onCrash(): void {
    this.waiting = [];
  }

  /** Whether the file reaches to the end of this write, now. */
  private grow({ firstSector, sectors }: Write): boolean {
    const needed = firstSector + sectors.length;
    if (needed > this.end && this.limit !== null && needed > this.limit) return false;
    this.end = Math.max(this.end, needed);
    return true;
  }
}
