import { assert, present } from '@kimberlite/store';
import { type ClusterConfig, SECTOR_SIZE } from '../config.ts';
import type { FormatWrite } from '../format.ts';
import type { Zone } from '../storage-layout.ts';
import { zoneSize } from '../storage-layout.ts';

/** A data file in memory. What was written is there at once, and survives whoever wrote it. */
export class DataFile {
  private readonly config: ClusterConfig;
  private readonly zones: Map<Zone, Uint8Array>;
  private readonly blocks: Map<number, Uint8Array>;

  constructor(config: ClusterConfig, contents: Iterable<FormatWrite>) {
    this.config = config;
    this.zones = new Map();
    this.blocks = new Map();
    for (const zone of ['superblock', 'wal_headers', 'wal_prepares'] as const) {
      this.zones.set(zone, new Uint8Array(present(zoneSize(config, zone))));
    }
    for (const { zone, offset, bytes } of contents) this.write(zone, offset, bytes);
  }

  /** Writes whole sectors; the rest of the last one is zero. */
  write(zone: Zone, offset: number, bytes: Uint8Array): void {
    assert(offset % SECTOR_SIZE === 0, 'writes begin at a sector');
    const padded = new Uint8Array(Math.ceil(bytes.length / SECTOR_SIZE) * SECTOR_SIZE);
    padded.set(bytes);
    if (zone !== 'blocks') {
      present(this.zones.get(zone)).set(padded, offset);
      return;
    }
    const { blockSize } = this.config;
    for (let at = 0; at < padded.length; at += blockSize) {
      this.blocks.set((offset + at) / blockSize, padded.slice(at, at + blockSize));
    }
  }

  /** A copy of what stands there; null for a block that was never written. */
  read(zone: Zone, offset: number, length: number): Uint8Array | null {
    if (zone === 'blocks') return this.blocks.get(offset / this.config.blockSize)?.slice() ?? null;
    return present(this.zones.get(zone)).slice(offset, offset + length);
  }

  /** Makes some bytes unreadable, as rot does. */
  spoil(zone: Exclude<Zone, 'blocks'>, offset: number, length = 64): void {
    const bytes = present(this.zones.get(zone)).subarray(offset, offset + length);
    bytes.forEach((byte, at) => {
      bytes[at] = byte ^ 0x5a;
    });
  }
}
