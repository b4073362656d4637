import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '@kimberlite/client';
import { createKernel } from '@kimberlite/kernel';
import {
  formatAddress,
  formatDataFile,
  isFault,
  loadConfiguration,
  type RunningReplica,
  randomU128,
  type StatusRecord,
  startReplica,
} from '@kimberlite/server';
import { CONFIG_DEFAULT } from '@kimberlite/vsr';
import { isCheckpointing } from './checkpoint-watch.ts';
import { freePorts } from './free-ports.ts';
import { makeWorkDirectory } from './work-directory.ts';

const REPLICAS = 3;
const LOOK_MILLIS = 20;

type State = StatusRecord['state'];

/**
 * Three replicas in this process, on files of the default sizes: for measurements that have to see
 * the state of a replica at the moment, where what it costs to share a process does not matter.
 */
export class LocalCluster {
  readonly #directory: string;
  readonly #cluster: bigint;
  readonly #ports: readonly number[];
  readonly #running: Map<number, RunningReplica> = new Map();

  private constructor(directory: string, cluster: bigint, ports: readonly number[]) {
    this.#directory = directory;
    this.#cluster = cluster;
    this.#ports = ports;
  }

  /** Formats and starts them. */
  static async start(name: string): Promise<LocalCluster> {
    const directory = makeWorkDirectory(name);
    const cluster = randomU128();
    const own = new LocalCluster(directory, cluster, await freePorts(3 * REPLICAS));
    for (let slot = 0; slot < REPLICAS; slot += 1) {
      const file = { path: own.path(slot), config: CONFIG_DEFAULT, cluster, slot };
      const stateMachine = createKernel();
      ok(await formatDataFile({ ...file, stateMachine, replicaCount: REPLICAS }));
    }
    for (let slot = 0; slot < REPLICAS; slot += 1) await own.startReplica(slot);
    return own;
  }

  path(slot: number): string {
    return join(this.#directory, `${slot}.data`);
  }

  httpAddress(slot: number): string {
    return this.#address(2 * REPLICAS + slot);
  }

  client(): Client {
    const endpoints = [...this.#running.values()].map((replica) => {
      return formatAddress(replica.clientAddress);
    });
    return new Client({ endpoints, cluster: this.#cluster, requestTimeout: 60_000 });
  }

  async startReplica(slot: number): Promise<void> {
    const peers = Array.from({ length: REPLICAS }, (_, peer) => this.#address(REPLICAS + peer));
    const flags = {
      'data-file': this.path(slot),
      cluster: this.#cluster.toString(),
      replica: String(slot),
      addresses: peers.join(','),
      'client-address': this.#address(slot),
      'peer-address': this.#address(REPLICAS + slot),
      'http-address': this.httpAddress(slot),
      'log-level': 'error',
    };
    const configuration = ok(loadConfiguration({ file: null, env: {}, flags }));
    this.#running.set(
      slot,
      ok(await startReplica({ configuration, stateMachine: createKernel() })),
    );
  }

  async stopReplica(slot: number): Promise<void> {
    await this.#running.get(slot)?.stop();
    this.#running.delete(slot);
  }

  /** Ends all of them and removes their files. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map((replica) => replica.stop()));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  state(slot: number): State | null {
    return this.#running.get(slot)?.status().state ?? null;
  }

  /** Of those that run. */
  states(): State[] {
    return [...this.#running.values()].map((replica) => replica.status().state);
  }

  /** Until all that run have executed the same, and no checkpoint is in the making. */
  async level(): Promise<void> {
    for (;;) {
      const states = this.states();
      const head = Math.max(...states.map(({ op }) => op));
      const isLevel = states.every((state) => {
        const settled = state.status === 'normal' && !state.syncing && state.blocksMissing === 0;
        return settled && state.commitMin === head && !isCheckpointing(state);
      });
      if (isLevel) return;
      await pause(LOOK_MILLIS);
    }
  }

  #address(index: number): string {
    return `127.0.0.1:${this.#ports[index]}`;
  }
}

function ok<T>(value: T): Exclude<T, { readonly kind: 'fault' }> {
  if (isFault(value)) throw new Error(value.message);
  // SAFETY: just checked.
  return value as Exclude<T, { readonly kind: 'fault' }>;
}
