import { SECTOR_SIZE } from '../config.ts';

/** Whole sectors that hold a prepare of this size. */
export function readLengthOf(size: number): number {
  return Math.ceil(size / SECTOR_SIZE) * SECTOR_SIZE;
}
