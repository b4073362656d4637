import { assert } from '@kimberlite/store';
import { SECTOR_SIZE } from '../config.ts';
import type { StoragePort } from '../host/ports.ts';
import type { Zone } from '../storage-layout.ts';
import type { BackupPoint } from './backup-point.ts';
import { ReadOut, type ReadOutDisk } from './read-out.ts';

/**
 * Stands between a replica and its disk, and lets a backup read what the replica is about to write
 * over. While there is none, a write costs one comparison more. The replica sees a disk that is a
 * read slower now and then; it is asked for nothing, and what it allocates stays the same.
 */
export class ReadOutStorage implements StoragePort {
  private readonly inner: StoragePort & ReadOutDisk;
  private current: ReadOut | null = null;

  constructor(inner: StoragePort & ReadOutDisk) {
    this.inner = inner;
  }

  /** Whether a backup needs anything of this disk. */
  get busy(): boolean {
    return this.current?.active ?? false;
  }

  /**
   * Begins to read out a point that the replica on this disk has named in the same turn: nothing
   * may have been written since. One at a time.
   */
  begin(point: BackupPoint, keptMax: number): ReadOut {
    assert(!this.busy, 'one backup at a time');
    this.current = new ReadOut({ point, storage: this.inner, keptMax });
    return this.current;
  }

  read(zone: Zone, offset: number, length: number, done: (bytes: Uint8Array | null) => void): void {
    this.inner.read(zone, offset, length, done);
  }

  write(zone: Zone, offset: number, bytes: Uint8Array, done: () => void): void {
    if (this.current === null) {
      this.inner.write(zone, offset, bytes, done);
      return;
    }
    if (!this.current.active) this.current = null;
    const length = Math.ceil(bytes.length / SECTOR_SIZE) * SECTOR_SIZE;
    const proceed = (): void => this.inner.write(zone, offset, bytes, done);
    if (this.current === null) proceed();
    else this.current.beforeWrite(zone, offset, length, proceed);
  }
}
