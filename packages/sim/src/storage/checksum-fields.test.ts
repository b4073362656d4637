import { CONFIG_SIMULATION, Prng, type Zone } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { bitOfChecksum } from './checksum-fields.ts';

const config = CONFIG_SIMULATION;

function bytesIn(zone: Zone, sector: number): Set<number> {
  const prng = new Prng(3n);
  const bits = Array.from({ length: 5_000 }, () => bitOfChecksum(prng, { zone, sector, config }));
  return new Set(bits.flatMap((bit) => (bit === null ? [] : [bit >> 3])));
}

function range(from: number, size: number): number[] {
  return Array.from({ length: size }, (_, at) => from + at);
}

describe('the checksums of a sector', () => {
  it('are both of each header of the ring', () => {
    const headers = range(0, 16).flatMap((header) => range(header * 256, 32));
    expect(bytesIn('wal_headers', 1)).toEqual(new Set(headers));
  });

  it('are those at the beginning of a prepare and of a copy of the superblock', () => {
    expect(bytesIn('wal_prepares', 5)).toEqual(new Set(range(0, 32)));
    expect(bytesIn('superblock', 4)).toEqual(new Set(range(0, 16)));
    expect(bytesIn('superblock', 5)).toEqual(new Set());
  });

  it('stand in no block, whose parent keeps its checksum', () => {
    expect(bytesIn('blocks', 0)).toEqual(new Set());
  });
});
