import { join } from 'node:path';
import { Client, ClientError } from '@kimberlite/client';
import { ERRORS, type ReplicaPorts, type ServerFault } from '@kimberlite/server';
import { CliError, cliError, ofServerFault } from '../fault.ts';
import type { Io } from '../io.ts';
import type { SizeName } from '../replica/format-command.ts';
import type { StopReason } from '../replica/signals.ts';
import { closingText } from './closing-text.ts';
import {
  type DevCluster,
  dataFilePath,
  type PreparedCluster,
  prepareDirectory,
  writeJsonFile,
} from './data-directory.ts';
import { endedText, howEnded } from './ended-text.ts';
import { missingText, withoutText } from './missing-text.ts';
import { findFreeBase, isFree, portFault, portsOf } from './ports.ts';
import { type ChildEnd, type ChildOptions, ReplicaChild, startCommand } from './replica-child.ts';

/** Where `dev` writes its first value; users' namespaces stay empty. */
const READY_NAMESPACE = 'kimberlite.dev';
/** Another process may take a port between the look and the start; then all is tried again. */
const FREE_PORT_TRIES = 5;

export interface DevOptions {
  readonly io: Io;
  readonly replicas: number;
  /** 0: any that is free. */
  readonly basePort: number;
  /** Absolute. */
  readonly directory: string;
  /** As the user wrote it. */
  readonly shownDirectory: string;
  readonly size: SizeName | null;
  readonly readyMillis: number;
}

/** A cluster of child processes: starts it, waits for its first commit, watches and stops it. */
export class DevRun {
  private readonly options: DevOptions;
  private children: ReplicaChild[];
  private endedByItself: Set<number>;
  /** Slots that were not started, for want of their files. */
  private missing: readonly number[];
  /** Of all replicas, by slot; empty before the first start. */
  private ports: readonly ReplicaPorts[];
  private stopping: boolean;

  constructor(options: DevOptions) {
    this.options = options;
    this.children = [];
    this.endedByItself = new Set();
    this.missing = [];
    this.ports = [];
    this.stopping = false;
  }

  /** Whether a replica ended that was not told to. */
  anyEndedByItself(): boolean {
    return this.endedByItself.size > 0;
  }

  /** Resolves when no replica is left. */
  async allEnded(): Promise<void> {
    await Promise.all(this.children.map((child) => child.ended));
  }

  /** Resolves when a write has committed, or when it is asked to stop before that. */
  async start(stop: Promise<StopReason>): Promise<void> {
    const { io, directory, replicas, size } = this.options;
    if (this.options.basePort !== 0) {
      // Before tens of megabytes are written that would then be of no use.
      const taken = await portFault(portsOf(this.options.basePort, replicas));
      if (taken !== null) throw ofServerFault({ ...taken, remedy: takenRemedy(taken) });
    }
    const cluster = await prepareDirectory(
      { directory, replicas, size },
      (path) => io.writeError(`formatting ${path}\n`),
      (adopted) => {
        io.writeError(
          `the data files in ${this.options.shownDirectory} are all replicas of cluster ` +
            `${adopted}; it is run here from now on\n`,
        );
      },
    );
    for (const slot of cluster.missing) {
      io.writeError(withoutText(dataFilePath(directory, slot), replicas - cluster.missing.length));
    }
    const tries = this.options.basePort === 0 ? FREE_PORT_TRIES : 1;
    for (let turn = 1; ; turn += 1) {
      const base = this.options.basePort || (await findFreeBase(replicas, Math.random));
      const ended = await this.startOn(cluster, portsOf(base, replicas), stop);
      if (ended === null) return;
      const portTaken = ended.code === ERRORS.port_in_use.exitCode;
      await this.stopChildren();
      if (!portTaken || turn >= tries) throw startError(ended);
    }
  }

  /** Stops every child. Idempotent. */
  async stop(): Promise<void> {
    await this.stopChildren();
  }

  /** What is to be said once all children have stopped. */
  async closingText(): Promise<string> {
    const stillListening: { slot: number; port: number }[] = [];
    for (const [slot, { client: port }] of this.ports.entries()) {
      if (!this.missing.includes(slot) && !this.endedByItself.has(slot)) continue;
      if (!(await isFree(port))) stillListening.push({ slot, port });
    }
    return closingText({ directory: this.options.shownDirectory, stillListening });
  }

  /** Null when it is ready or was asked to stop; otherwise the child that did not start. */
  private async startOn(
    cluster: PreparedCluster,
    ports: readonly ReplicaPorts[],
    stop: Promise<StopReason>,
  ): Promise<ChildEnd | null> {
    const { io } = this.options;
    this.stopping = false;
    this.missing = cluster.missing;
    this.ports = ports;
    const all = this.childOptions(cluster, ports);
    this.children = all
      .filter(({ slot }) => !cluster.missing.includes(slot))
      .map((each) => new ReplicaChild(each));
    const firstEnd = Promise.race(this.children.map((child) => child.ended));
    const abort = new AbortController();
    const ready = this.waitReady(cluster, ports, abort.signal);
    const outcome = await Promise.race([ready, firstEnd, stop]).finally(() => abort.abort());
    if (typeof outcome === 'object') return outcome;
    for (const child of this.children) void child.ended.then((end) => this.onEnded(child, end));
    if (outcome !== 'ready') return null;
    // Not before: a cluster that runs on this directory already keeps its own file.
    this.writeEndpoints(cluster, all);
    const endpoints = ports.map(({ client }) => `127.0.0.1:${client}`).join(',');
    const { replicas, shownDirectory } = this.options;
    const running = this.children.length;
    io.write(
      `ready: ${running < replicas ? `${running} of ` : ''}` +
        `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}, ` +
        `endpoints ${endpoints}, data in ${shownDirectory}\n`,
    );
    for (const slot of cluster.missing) {
      const lost = all[slot];
      if (lost === undefined) continue;
      io.writeError(missingText({ ...lost, endpoints, running, command: startCommand(lost) }));
    }
    return null;
  }

  private childOptions(cluster: DevCluster, ports: readonly ReplicaPorts[]): ChildOptions[] {
    const { directory } = this.options;
    return ports.map((own, slot) => ({
      slot,
      cluster: cluster.cluster,
      dataFile: dataFilePath(directory, slot),
      logFile: join(directory, `replica-${slot}.log`),
      ports: own,
      addresses: ports.map((other) => `127.0.0.1:${other.peer}`),
    }));
  }

  /** Commits a write through a client like any other. */
  private async waitReady(
    cluster: DevCluster,
    ports: readonly ReplicaPorts[],
    signal: AbortSignal,
  ): Promise<'ready' | 'stopped'> {
    const deadline = Date.now() + this.options.readyMillis;
    const client = new Client({
      endpoints: ports.map(({ client: port }) => `127.0.0.1:${port}`),
      cluster: cluster.cluster,
      namespace: READY_NAMESPACE,
      lanes: 1,
    });
    try {
      for (;;) {
        const left = deadline - Date.now();
        if (left <= 0) break;
        try {
          await client.put('ready', new Date().toISOString(), { timeout: left, signal });
          return 'ready';
        } catch (error) {
          if (!(error instanceof ClientError)) throw error;
          if (signal.aborted) return 'stopped';
          // The replicas are still starting; there is nothing to wait for but them.
          await client.connected({ timeout: Math.max(1, left) }).catch(() => {});
        }
      }
    } finally {
      await client.close();
    }
    throw cliError(
      'no_answer',
      `no write committed within ${this.options.readyMillis / 1000} seconds`,
      `What was written is safe. Look into ${this.options.shownDirectory}/replica-*.log.`,
    );
  }

  private writeEndpoints(cluster: DevCluster, all: readonly ChildOptions[]): void {
    const pids = new Map(this.children.map(({ slot, pid }) => [slot, pid]));
    writeJsonFile(join(this.options.directory, 'endpoints.json'), {
      cluster: cluster.cluster.toString(),
      endpoints: all.map(({ ports }) => `127.0.0.1:${ports.client}`),
      replicas: all.map((each) => ({
        slot: each.slot,
        pid: pids.get(each.slot) ?? null,
        client: `127.0.0.1:${each.ports.client}`,
        peer: `127.0.0.1:${each.ports.peer}`,
        http: `127.0.0.1:${each.ports.http}`,
        data_file: each.dataFile,
        log_file: each.logFile,
        start: startCommand(each),
      })),
    });
  }

  private onEnded(child: ReplicaChild, end: ChildEnd): void {
    if (this.stopping) return;
    this.endedByItself.add(child.slot);
    const { replicas } = this.options;
    const left = this.children.length - this.endedByItself.size;
    const { command } = child;
    this.options.io.writeError(endedText({ end, replicas, left, command }));
  }

  private async stopChildren(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.children.map((child) => child.stop()));
    this.children = [];
  }
}

/** The usual reason is `dev` itself, in another terminal. */
function takenRemedy({ code, remedy }: ServerFault): string {
  if (code !== 'port_in_use') return remedy;
  return (
    'Nothing was started or changed. A cluster may already run on these ports: ' +
    '`kimberlite status` shows it. Stop it, or choose other ports with --base-port and another ' +
    'directory with --data.'
  );
}

/** The child's own line and exit code, for they say what to do. */
function startError(end: ChildEnd): CliError {
  const said = /^error: (.*) \[(\w+)\]$/.exec(end.line);
  return new CliError({
    exitCode: end.code === null || end.code === 0 ? 1 : end.code,
    code: said?.[2] ?? 'replica_ended',
    message: `replica ${end.slot} did not start (${said?.[1] ?? `${howEnded(end)}: ${end.line}`})`,
    remedy: 'The other replicas were stopped; no data was harmed.',
  });
}
