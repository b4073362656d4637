import { SECTOR_SIZE } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { BlockRoom } from './block-room.ts';
import { toWrite } from './write.ts';

/** A room, and the first sectors of the writes that were let through. */
function roomAndLanded() {
  const room = new BlockRoom();
  const landed: number[] = [];
  const write = (firstSector: number, zone: 'blocks' | 'wal_prepares' = 'blocks'): void => {
    const offset = firstSector * SECTOR_SIZE;
    room.begin(toWrite(zone, offset, new Uint8Array(SECTOR_SIZE)), () => landed.push(firstSector));
  };
  return { room, landed, write };
}

describe('the room for blocks', () => {
  it('is without end until a limit is set, and what the file has grown to stays', () => {
    const { room, landed, write } = roomAndLanded();
    write(9);
    room.setLimit(0);
    write(3);
    write(9);
    expect(landed).toEqual([9, 3, 9]);
    expect(room.size).toBe(10);
    expect(room.isWanting).toBe(false);
  });

  it('lets what is beyond wait, in order, until the file may grow, and all else pass', () => {
    const { room, landed, write } = roomAndLanded();
    room.setLimit(2);
    for (const sector of [4, 1, 2, 3]) write(sector);
    write(9, 'wal_prepares');
    expect(landed).toEqual([1, 9]);
    expect(room.isWanting).toBe(true);
    room.setLimit(4);
    expect(landed).toEqual([1, 9, 2, 3]);
    room.setLimit(null);
    expect(landed).toEqual([1, 9, 2, 3, 4]);
    expect(room.counts).toEqual({ refused: 3, admitted: 3 });
    expect(room.isWanting).toBe(false);
  });

  it('forgets at a crash what waits', () => {
    const { room, landed, write } = roomAndLanded();
    room.setLimit(0);
    write(1);
    room.onCrash();
    room.setLimit(null);
    expect(landed).toEqual([]);
    expect(room.size).toBe(0);
  });

  it('knows what waits by its sectors', () => {
    const { room, write } = roomAndLanded();
    room.setLimit(0);
    write(1);
    const at = (sector: number) =>
      toWrite('blocks', sector * SECTOR_SIZE, new Uint8Array(SECTOR_SIZE));
    expect(room.overlaps(at(1))).toBe(true);
    expect(room.overlaps(at(2))).toBe(false);
    expect(room.writes()).toHaveLength(1);
  });
});
