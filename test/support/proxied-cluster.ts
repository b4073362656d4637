import { join } from 'node:path';
import type { StatusRecord } from '@kimberlite/server';
import { formatFile, withFaultyDisk } from './kimberlite.ts';
import { Proxy, type ProxyMode } from './proxy.ts';
import { ServerProcess } from './server-process.ts';
import { until } from './until.ts';

export const REPLICAS = 3;
export const CLUSTER = 7n;
/** How long the cluster may take for anything that is waited for. */
export const PATIENCE_MILLIS = 45_000;

export interface ClusterFiles {
  readonly directory: string;
  readonly cluster: bigint;
  /** Whether the replicas run behind calls of the system that `tell` can hold up. */
  readonly disksMayHang?: boolean;
  /** Settings of every replica, as on the command line. */
  readonly settings?: readonly string[];
}

/**
 * Three server processes with a proxy in front of each: for its clients, and one for each peer that
 * dials it. Replicas send only on connections that they dialled, so the proxy from one to another
 * has that direction alone.
 */
export class ProxiedCluster {
  readonly #directory: string;
  readonly #cluster: bigint;
  readonly #disksMayHang: boolean;
  readonly #settings: readonly string[];
  readonly #processes: (ServerProcess | null)[];
  readonly #clientProxies: readonly Proxy[];
  /** By `from * REPLICAS + to`. */
  readonly #links: readonly Proxy[];
  readonly #logs: string[][];

  private constructor(
    files: ClusterFiles,
    clientProxies: readonly Proxy[],
    links: readonly Proxy[],
  ) {
    this.#directory = files.directory;
    this.#cluster = files.cluster;
    this.#disksMayHang = files.disksMayHang ?? false;
    this.#settings = files.settings ?? [];
    this.#processes = slots().map(() => null);
    this.#clientProxies = clientProxies;
    this.#links = links;
    this.#logs = slots().map(() => []);
  }

  /** Formats the data files and opens the proxies; nothing runs yet. */
  static async make(
    directory: string,
    more: Pick<ClusterFiles, 'disksMayHang' | 'settings'> = {},
  ): Promise<ProxiedCluster> {
    for (const slot of slots()) {
      const path = dataFile(directory, slot);
      await formatFile({ path, cluster: CLUSTER, slot, replicaCount: REPLICAS });
    }
    return ProxiedCluster.over({ directory, cluster: CLUSTER, ...more });
  }

  /** Of data files that are already there. */
  static async over(files: ClusterFiles): Promise<ProxiedCluster> {
    const clientProxies = await Promise.all(slots().map(() => Proxy.open()));
    const links = await Promise.all(pairs().map(() => Proxy.open()));
    return new ProxiedCluster(files, clientProxies, links);
  }

  /** Client ports, which stay the same over restarts. */
  endpoints(): string[] {
    return this.#clientProxies.map(({ port }) => `127.0.0.1:${port}`);
  }

  /** The data file of a replica. */
  path(slot: number): string {
    return dataFile(this.#directory, slot);
  }

  /** Where this replica dials its peers. */
  peerAddresses(slot: number): string[] {
    return slots().map((peer) => `127.0.0.1:${this.#link(slot, peer).port}`);
  }

  async start(slot: number): Promise<void> {
    const server = await ServerProcess.start({
      dataFile: this.path(slot),
      addresses: this.peerAddresses(slot),
      more: [`--cluster=${this.#cluster}`, `--replica=${slot}`, ...this.#settings],
      ...(this.#disksMayHang ? { wrap: withFaultyDisk } : {}),
    });
    this.#processes[slot] = server;
    this.#clientProxies[slot]?.aim(server.port('client'));
    for (const peer of slots()) this.#link(peer, slot).aim(server.port('peer'));
  }

  async startAll(): Promise<void> {
    await Promise.all(slots().map((slot) => this.start(slot)));
  }

  async kill(slot: number): Promise<void> {
    const server = this.#running(slot);
    await server.kill();
    this.#logs[slot]?.push(...server.log.splice(0));
    this.#processes[slot] = null;
  }

  /** All at once. */
  async killAll(): Promise<void> {
    await Promise.all(slots().map((slot) => this.kill(slot)));
  }

  signal(slot: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#running(slot).signal(signal);
  }

  /** Makes the disk of a replica hang, or go on; of a cluster whose disks may. */
  tell(slot: number, message: 'hang' | 'release'): void {
    if (!this.#disksMayHang) throw new Error('its disks may hang');
    this.#running(slot).tell(message);
  }

  /** One direction between two replicas. */
  setLink(from: number, to: number, mode: ProxyMode): void {
    this.#link(from, to).set(mode);
  }

  /** Bytes that were dropped between replicas so far. */
  lostBytes(): number {
    return this.#links.reduce((sum, link) => sum + link.lostBytes(), 0);
  }

  heal(): void {
    for (const link of this.#links) link.set({ kind: 'pass' });
  }

  /** Stops all by SIGTERM and returns their exit codes; then nothing is left. */
  async stop(): Promise<(number | null)[]> {
    const ends = await Promise.all(
      this.#processes.map(async (server) => (server === null ? null : await server.stop())),
    );
    await Promise.all([...this.#clientProxies, ...this.#links].map((proxy) => proxy.close()));
    return ends.map((end) => end?.code ?? null);
  }

  /** A port of the process itself, past the proxies. */
  port(slot: number, what: 'client' | 'peer' | 'http'): number {
    return this.#running(slot).port(what);
  }

  status(slot: number): Promise<StatusRecord | null> {
    return this.#processes[slot]?.status() ?? Promise.resolve(null);
  }

  /** Slot of the primary of the highest view, once there is one. */
  primary(): Promise<number> {
    return until(async () => {
      const states = await Promise.all(slots().map((slot) => this.status(slot)));
      let best: StatusRecord | null = null;
      for (const record of states) {
        if (record === null || record.state.status !== 'normal') continue;
        if (best === null || record.state.view > best.state.view) best = record;
      }
      const primary = states.find((record) => {
        return record?.state.isPrimary === true && record.state.view === best?.state.view;
      });
      return primary?.replica ?? null;
    }, this.waiting('a primary'));
  }

  /**
   * Until every replica, or each of some, is normal, reaches the others of them, and has on its
   * disk what was committed by now.
   */
  async whole(among: readonly number[] = slots()): Promise<void> {
    let goal = 0;
    await until(
      async () => {
        const records = await Promise.all(among.map((slot) => this.status(slot)));
        if (goal === 0) {
          goal = Math.max(...records.map((record) => record?.state.commitMax ?? 0));
        }
        const isWhole = records.every((record) => {
          if (record === null || record.state.status !== 'normal' || record.state.syncing) {
            return false;
          }
          const reached = record.peers.every(({ slot, incoming, outgoing }) => {
            return !among.includes(slot) || (incoming && outgoing);
          });
          const { commitMin, journalDirty } = record.state;
          return reached && commitMin >= goal && journalDirty === 0;
        });
        return isWhole ? true : null;
      },
      this.waiting(`replicas ${among.join(', ')} are normal and level`),
    );
  }

  /** For `until`: how long, and what the replicas say when it took longer. */
  waiting(what: string): {
    readonly what: string;
    readonly within: number;
    readonly explain: () => Promise<string>;
  } {
    return { what, within: PATIENCE_MILLIS, explain: () => this.describe() };
  }

  async describe(): Promise<string> {
    const parts = slots().map(async (slot) => {
      const record = await this.status(slot);
      const log = [...(this.#logs[slot] ?? []), ...(this.#processes[slot]?.log ?? [])];
      const said = record === null ? 'does not answer' : JSON.stringify(record);
      return `replica ${slot}: ${said}\n${log.slice(-25).join('\n')}`;
    });
    return (await Promise.all(parts)).join('\n');
  }

  #running(slot: number): ServerProcess {
    const server = this.#processes[slot] ?? null;
    if (server === null) throw new Error(`replica ${slot} runs`);
    if (!server.isRunning()) {
      throw new Error(`replica ${slot} ended by itself:\n${server.log.slice(-50).join('\n')}`);
    }
    return server;
  }

  #link(from: number, to: number): Proxy {
    const link = this.#links[from * REPLICAS + to];
    if (link === undefined) throw new Error(`a link from ${from} to ${to}`);
    return link;
  }
}

export function slots(): number[] {
  return Array.from({ length: REPLICAS }, (_, slot) => slot);
}

/** Every slot with every slot; a replica does not dial itself, but its own entry needs a port. */
function pairs(): number[] {
  return Array.from({ length: REPLICAS * REPLICAS }, (_, index) => index);
}

function dataFile(directory: string, slot: number): string {
  return join(directory, `replica-${slot}.data`);
}
