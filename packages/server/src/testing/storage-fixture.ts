import { closeSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type ClusterConfig, CONFIG_SIMULATION, type Zone } from '@kimberlite/vsr';
import { isFault, type ServerFault } from '../errors.ts';
import type { GrowthResult } from '../storage/block-room.ts';
import { formatDataFile } from '../storage/data-file-format.ts';
import { type FileCalls, systemCalls } from '../storage/file-calls.ts';
import { FileStorage } from '../storage/file-storage.ts';
import { type IoMode, openBestMode } from '../storage/io-mode.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A new data file in a directory of its own, and the storages that were opened on it. */
export class StorageFixture {
  readonly config: ClusterConfig = CONFIG_SIMULATION;
  readonly directory: ReturnType<typeof temporaryDirectory> = temporaryDirectory();
  readonly path: string = join(this.directory.path, '0.data');
  /** What ended one of them. */
  readonly fatal: ServerFault[] = [];
  private readonly opened: { readonly fd: number; readonly storage: FileStorage }[] = [];

  static async make(): Promise<StorageFixture> {
    const fixture = new StorageFixture();
    const { path, config } = fixture;
    const stateMachine = { name: 'mine', tables: [] };
    const identity = { cluster: 1n, slot: 0, replicaCount: 3 };
    const formatted = await formatDataFile({ path, config, stateMachine, ...identity });
    if (isFault(formatted)) throw new Error(formatted.message);
    return fixture;
  }

  openWith(
    fd: number,
    mode: IoMode,
    calls: FileCalls = systemCalls,
    onGrowth: (result: GrowthResult) => void = (): void => {},
  ): FileStorage {
    const { path, config } = this;
    const storage = new FileStorage({
      fd,
      path,
      mode,
      size: statSync(path).size,
      config,
      onFatal: (fault) => this.fatal.push(fault),
      observer: { onIo: (): void => {} },
      onGrowth,
      growthRetryMillis: 1,
      calls,
    });
    this.opened.push({ fd, storage });
    return storage;
  }

  /** In the best mode of this system. */
  open(calls?: FileCalls): FileStorage {
    const { fd, mode } = openBestMode(this.path, { create: false });
    return this.openWith(fd, mode, calls);
  }

  async close(): Promise<void> {
    for (const { fd, storage } of this.opened) {
      await storage.close();
      closeSync(fd);
    }
    this.directory.remove();
  }
}

export function writeTo(
  storage: FileStorage,
  zone: Zone,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  return new Promise((resolve) => storage.write(zone, offset, bytes, resolve));
}

export function readFrom(
  storage: FileStorage,
  zone: Zone,
  offset: number,
  length: number,
): Promise<Uint8Array | null> {
  return new Promise((resolve) => storage.read(zone, offset, length, resolve));
}

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + seed) % 251);
}
