import { readFileSync } from 'node:fs';
import { SECTOR_SIZE } from '@kimberlite/vsr';
import type { RawFile } from '../inspect/data-file-reader.ts';

/**
 * A file as it is now, on a device that refuses one sector with EIO: the one that begins at byte
 * `badSector` of the file.
 */
export function failingFile(path: string, badSector: number): RawFile {
  const bytes = new Uint8Array(readFileSync(path));
  return {
    path,
    size: bytes.length,
    readAt(position, length): Uint8Array {
      if (position < badSector + SECTOR_SIZE && badSector < position + length) {
        const error = new Error('EIO: i/o error, read');
        throw Object.assign(error, { code: 'EIO', errno: -5, syscall: 'read' });
      }
      return bytes.subarray(position, position + length);
    },
  };
}
