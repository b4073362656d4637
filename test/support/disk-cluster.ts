import { readFileSync } from 'node:fs';
import { Client } from '@kimberlite/client';
import { formatAddress, type ServerFault, type StatusRecord, sha256 } from '@kimberlite/server';
import {
  type ClusterConfig,
  CONFIG_SIMULATION,
  checkpointId,
  readSuperblock,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_COPY_SIZE,
} from '@kimberlite/vsr';
import { FaultyCalls } from '../../packages/server/src/testing/faulty-calls.ts';
import {
  TestCluster,
  type TestClusterOptions,
} from '../../packages/server/src/testing/test-cluster.ts';
import { until } from './until.ts';

/** Small, so that files are made in no time, rings wrap and checkpoints come often. */
export const DISK_CONFIG: ClusterConfig = {
  ...CONFIG_SIMULATION,
  messageSizeMax: 64 * 1024,
  blockSize: 16 * 1024,
};
export const DISK_REPLICAS = 3;
const PATIENCE_MILLIS = 30_000;
const CALL_MILLIS = 20_000;

type DiskClusterOptions = Pick<
  TestClusterOptions,
  'pathOf' | 'scrubTourSeconds' | 'blockCacheSize' | 'ioMode'
>;

/**
 * Three replicas in this process, on real files and sockets, whose disks a test may spoil: each
 * call of the system may be made to go wrong. Everything that was acknowledged is remembered.
 */
export class DiskCluster {
  readonly cluster: TestCluster;
  /** Of the replica's present life and all others. */
  readonly calls: readonly FaultyCalls[];
  readonly acknowledged: Map<string, string>;
  #turn: number;

  private constructor(cluster: TestCluster, calls: readonly FaultyCalls[]) {
    this.cluster = cluster;
    this.calls = calls;
    this.acknowledged = new Map();
    this.#turn = 0;
  }

  /** Formats and starts three replicas; resolves when they are healthy. */
  static async start(directory: string, options: DiskClusterOptions = {}): Promise<DiskCluster> {
    const calls = Array.from({ length: DISK_REPLICAS }, () => new FaultyCalls());
    const cluster = new TestCluster({
      directory,
      replicaCount: DISK_REPLICAS,
      config: DISK_CONFIG,
      powerLoss: 'none',
      calls: (slot) => calls[slot] ?? new FaultyCalls(),
      ...options,
    });
    await cluster.formatAll();
    await cluster.startAll();
    const disks = new DiskCluster(cluster, calls);
    await disks.healthy();
    return disks;
  }

  /** Puts so many new values of so many bytes, and overwrites some old ones; all acknowledged. */
  async write(count: number, size = 100): Promise<void> {
    await this.#withClient(async (client) => {
      for (let index = 0; index < count; index += 1) await this.#put(client, size);
    });
  }

  /** The same, by so many callers of one client at the same time, for as long as it is on. */
  async writeWhile(isOn: () => boolean, callers: number): Promise<void> {
    await this.#withClient(async (client) => {
      const write = async (): Promise<void> => {
        while (isOn()) await this.#put(client, 100);
      };
      await Promise.all(Array.from({ length: callers }, write));
    });
  }

  async #put(client: Client, size: number): Promise<void> {
    const turn = this.#turn;
    this.#turn += 1;
    const key = `key ${turn % 3 === 0 ? turn % 50 : turn}`;
    const value = `${turn} `.padEnd(size, '.');
    await client.put(key, value);
    this.acknowledged.set(key, value);
  }

  /** Keys whose acknowledged value is not there. */
  lost(): Promise<string[]> {
    return this.#withClient(async (client) => {
      const found = new Map<string, string>();
      for await (const { key, value } of client.scan({ prefix: '' })) {
        found.set(Buffer.from(key).toString(), Buffer.from(value ?? []).toString());
      }
      return [...this.acknowledged]
        .filter(([key, value]) => found.get(key) !== value)
        .map(([key]) => key);
    });
  }

  /** Reads every value at one replica, which needs every block of its state. */
  async readAllAt(slot: number): Promise<void> {
    await this.#withClient(
      async (client) => {
        const local = { consistency: 'local', prefer: 'nearest' } as const;
        for await (const _ of client.scan({ prefix: '' }, local)) continue;
      },
      [slot],
    );
  }

  /** Until all replicas are normal and level, and none lacks or doubts anything. */
  async healthy(): Promise<void> {
    await until(
      () => {
        const records = this.statuses();
        const [first] = records;
        if (first === undefined || records.length < DISK_REPLICAS) return null;
        const isWhole = records.every(({ state, peers }) => {
          if (state.status !== 'normal' || state.syncing || state.journalDirty > 0) return false;
          const level = state.commitMin === state.op && state.op === first.state.op;
          // None is in the making either, which one would end and another not.
          const newest = state.op - state.checkpointOp < DISK_CONFIG.checkpointInterval;
          return level && newest && peers.every(({ incoming, outgoing }) => incoming && outgoing);
        });
        return isWhole ? true : null;
      },
      { within: PATIENCE_MILLIS, what: 'three healthy replicas', explain: () => this.describe() },
    );
  }

  /** Until those that run have a primary among them and are level, with others stopped. */
  async level(): Promise<void> {
    await until(
      () => {
        const records = this.statuses();
        const led = records.some(({ state }) => state.isPrimary);
        const [first] = records;
        const isLevel = records.every(({ state }) => {
          return state.status === 'normal' && state.commitMin === first?.state.op;
        });
        return led && isLevel ? true : null;
      },
      { within: PATIENCE_MILLIS, what: 'level replicas', explain: () => this.describe() },
    );
  }

  statuses(): StatusRecord[] {
    return this.cluster.replicas.flatMap((replica) => (replica === null ? [] : [replica.status()]));
  }

  /** Id of the checkpoint in each file; of replicas that are stopped. */
  checkpoints(): string[] {
    return Array.from({ length: DISK_REPLICAS }, (_, slot) => {
      const bytes = readFileSync(this.cluster.path(slot));
      const zone = bytes.subarray(0, SUPERBLOCK_COPIES * SUPERBLOCK_COPY_SIZE);
      const state = readSuperblock(zone, sha256);
      if (typeof state === 'string') return state;
      return `${state.checkpoint.op} ${checkpointId(state.checkpoint, sha256).toString(16)}`;
    });
  }

  /** The fault that a replica ended with, once it has. */
  fatal(): Promise<ServerFault> {
    return until(() => this.cluster.fatal[0] ?? null, {
      within: PATIENCE_MILLIS,
      what: 'a replica gives up',
      explain: () => this.describe(),
    });
  }

  /** Log lines with this message, as fields. */
  logged(message: string): Readonly<Record<string, unknown>>[] {
    return (
      this.cluster.log
        .filter((line) => line.includes(`"${message}"`))
        // SAFETY: lines of the log are objects.
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    );
  }

  /** What the replicas and the end of their logs say. */
  describe(): string {
    const records = this.statuses().map(({ replica, state, peers }) => {
      return `${replica}: ${JSON.stringify(state)} ${JSON.stringify(peers)}`;
    });
    const lines = this.cluster.log.filter((line) => !line.includes('"debug"'));
    return [...records, ...lines.slice(-40)].join('\n');
  }

  async #withClient<T>(
    use: (client: Client) => Promise<T>,
    slots: readonly number[] = this.cluster.replicas.map((_, slot) => slot),
  ): Promise<T> {
    const endpoints = slots.flatMap((slot) => {
      const replica = this.cluster.replicas[slot] ?? null;
      return replica === null ? [] : [formatAddress(replica.clientAddress)];
    });
    const client = new Client({ endpoints, requestTimeout: CALL_MILLIS });
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  }
}
