import { join } from 'node:path';
import { createKernel } from '@kimberlite/kernel';
import { present } from '@kimberlite/store';
import {
  BLOCK_CACHE_SIZE_DEFAULT,
  type ClusterConfig,
  Prng,
  type StateMachine,
  type StoragePort,
  TIMEOUTS_DEFAULT,
} from '@kimberlite/vsr';
import type { Configuration } from '../configuration/configuration.ts';
import { isFault, type ServerFault } from '../errors.ts';
import type { Address } from '../network/address.ts';
import type { RunningReplica } from '../running-replica.ts';
import { startReplica } from '../start-replica.ts';
import { formatDataFile } from '../storage/data-file-format.ts';
import type { FileCalls } from '../storage/file-calls.ts';
import type { IoMode } from '../storage/io-mode.ts';
import { PowerLossStorage } from './power-loss-storage.ts';
import { TestClient } from './test-client.ts';

export interface TestClusterOptions {
  readonly directory: string;
  readonly replicaCount: number;
  readonly config: ClusterConfig;
  /** A fresh one for each file and each start; the kernel by default. */
  readonly stateMachine?: () => StateMachine;
  /** Puts a cache that forgets in front of every file; a lying one reports what it only caches. */
  readonly powerLoss: 'none' | 'honest' | 'lying';
  /** Stands between a replica and its file, asked at each start; the system by default. */
  readonly calls?: (slot: number) => FileCalls;
  /** That of the files by default. */
  readonly ioMode?: IoMode;
  /** A day by default. */
  readonly scrubTourSeconds?: number;
  /** Of each replica; 128 MiB by default. */
  readonly blockCacheSize?: number;
  /** Where a file is that is not with the others; null for the others. */
  readonly pathOf?: (slot: number) => string | null;
}

/** Number of every test cluster. */
export const TEST_CLUSTER = 77n;

/** Replicas in this process on ports that the system picks, with files in a directory. */
export class TestCluster {
  readonly replicas: (RunningReplica | null)[];
  readonly fatal: ServerFault[];
  readonly log: string[];
  readonly #options: TestClusterOptions;
  readonly #peerAddresses: (Address | null)[];
  readonly #caches: (PowerLossStorage | null)[];
  #lives: bigint;

  constructor(options: TestClusterOptions) {
    this.#options = options;
    const { replicaCount } = options;
    this.replicas = Array.from({ length: replicaCount }, () => null);
    this.#peerAddresses = Array.from({ length: replicaCount }, () => null);
    this.#caches = Array.from({ length: replicaCount }, () => null);
    this.fatal = [];
    this.log = [];
    this.#lives = 0n;
  }

  path(slot: number): string {
    return this.#options.pathOf?.(slot) ?? join(this.#options.directory, `${slot}.data`);
  }

  async formatAll(): Promise<void> {
    const { replicaCount, config } = this.#options;
    for (let slot = 0; slot < replicaCount; slot += 1) {
      const path = this.path(slot);
      const result = await formatDataFile({
        path,
        config,
        stateMachine: this.#machine(),
        cluster: TEST_CLUSTER,
        slot,
        replicaCount,
      });
      if (isFault(result)) throw new Error(result.message);
    }
  }

  #machine(): StateMachine {
    return this.#options.stateMachine?.() ?? createKernel();
  }

  configuration(slot: number, other: Partial<Configuration> = {}): Configuration {
    const anyPort = { host: '127.0.0.1', port: 0 };
    return {
      kind: 'configuration',
      dataFile: this.path(slot),
      cluster: TEST_CLUSTER,
      replica: slot,
      addresses: Array.from({ length: this.#options.replicaCount }, () => anyPort),
      clientAddress: anyPort,
      peerAddress: anyPort,
      httpAddress: anyPort,
      clientConnections: 64,
      profile: 'default',
      timeouts: TIMEOUTS_DEFAULT,
      logLevel: 'debug',
      scrubTourSeconds: this.#options.scrubTourSeconds ?? 86_400,
      blockCacheSize: this.#options.blockCacheSize ?? BLOCK_CACHE_SIZE_DEFAULT,
      sources: new Map(),
      ...other,
    };
  }

  async start(slot: number): Promise<void> {
    const fault = await this.tryStart(slot);
    if (fault !== null) throw new Error(fault.message);
  }

  /** Starts one that may refuse to; returns why, or null when it runs. */
  async tryStart(slot: number): Promise<ServerFault | null> {
    this.#lives += 1n;
    const prng = new Prng(this.#lives);
    const calls = this.#options.calls?.(slot);
    const { ioMode } = this.#options;
    const started = await startReplica({
      configuration: this.configuration(slot),
      stateMachine: this.#machine(),
      writeLog: (line) => this.log.push(line),
      onFatal: (fault) => this.fatal.push(fault),
      peerAddress: (peer) => this.#peerAddresses[peer] ?? null,
      ...(calls === undefined ? {} : { fileCalls: calls }),
      ...(ioMode === undefined ? {} : { ioMode }),
      wrapStorage: (inner): StoragePort => {
        const { powerLoss } = this.#options;
        if (powerLoss === 'none') return inner;
        const cache = new PowerLossStorage(inner, {
          prng,
          lies: powerLoss === 'lying',
          later: (then) => setImmediate(then),
        });
        this.#caches[slot] = cache;
        return cache;
      },
    });
    if (isFault(started)) return started;
    this.replicas[slot] = started;
    this.#peerAddresses[slot] = started.peerAddress;
    return null;
  }

  async startAll(): Promise<void> {
    for (let slot = 0; slot < this.#options.replicaCount; slot += 1) await this.start(slot);
  }

  async stop(slot: number): Promise<void> {
    const replica = this.replicas[slot] ?? null;
    this.replicas[slot] = null;
    await replica?.stop();
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.replicas.map((_, slot) => this.stop(slot)));
  }

  /** The power goes, at one moment for all. Returns how many writes were lost. */
  async cutPowerOfAll(): Promise<number> {
    const caches = this.#caches.map((cache) => present(cache));
    await Promise.all(caches.map((cache) => cache.cutPower()));
    await this.stopAll();
    return caches.reduce((sum, cache) => sum + cache.lost(), 0);
  }

  /** Slot of the newest primary in normal status, or null. */
  primary(): number | null {
    let best: { readonly slot: number; readonly view: number } | null = null;
    for (const replica of this.replicas) {
      if (replica === null) continue;
      const { isPrimary, status, view } = replica.status().state;
      if (!isPrimary || status !== 'normal') continue;
      if (best === null || view > best.view) best = { slot: replica.slot, view };
    }
    return best?.slot ?? null;
  }

  client(): TestClient {
    return new TestClient({
      cluster: TEST_CLUSTER,
      replicaCount: this.#options.replicaCount,
      addressOf: (slot) => this.replicas[slot]?.clientAddress ?? null,
    });
  }
}
