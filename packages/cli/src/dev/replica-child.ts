import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type ReplicaPorts, THREAD_POOL_SIZE } from '@kimberlite/server';

/** How long a child may take to stop by itself, in milliseconds. */
const STOP_MILLIS = 10_000;

export interface ChildOptions {
  readonly slot: number;
  readonly cluster: bigint;
  readonly dataFile: string;
  readonly logFile: string;
  readonly ports: ReplicaPorts;
  /** Peer addresses of all replicas, by slot. */
  readonly addresses: readonly string[];
}

/** Arguments of `kimberlite` that start the replica. */
export function startCommand({ slot, ports, ...options }: ChildOptions): readonly string[] {
  return [
    'start',
    `--data-file=${options.dataFile}`,
    `--cluster=${options.cluster}`,
    `--replica=${slot}`,
    `--addresses=${options.addresses.join(',')}`,
    `--client-address=127.0.0.1:${ports.client}`,
    `--peer-address=127.0.0.1:${ports.peer}`,
    `--http-address=127.0.0.1:${ports.http}`,
  ];
}

/** How a child ended; `line` is the last that it wrote, which says why. */
export interface ChildEnd {
  readonly slot: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly line: string;
}

/** A replica in a process of its own, which ends when this one does. */
export class ReplicaChild {
  readonly slot: number;
  readonly pid: number | null;
  /** The command that starts it again by hand. */
  readonly command: readonly string[];
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<ChildEnd>;
  private readonly child: ChildProcess;

  constructor(options: ChildOptions) {
    const { slot } = options;
    this.slot = slot;
    this.command = startCommand(options);
    const log = openSync(options.logFile, 'a');
    try {
      this.child = spawn(
        process.execPath,
        [...process.execArgv, process.argv[1] ?? '', ...this.command, '--exit-with-parent'],
        {
          // The channel is how the child learns that its parent is gone, even by kill -9.
          stdio: ['ignore', log, log, 'ipc'],
          // The size of the pool is read once, before the child's first use of it.
          env: { ...process.env, UV_THREADPOOL_SIZE: String(THREAD_POOL_SIZE) },
        },
      );
    } finally {
      closeSync(log);
    }
    this.pid = this.child.pid ?? null;
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => {
        resolve({ slot, code: null, signal: null, line: error.message });
      });
      this.child.once('exit', (code, signal) => {
        resolve({ slot, code, signal, line: lastLine(options.logFile) });
      });
    });
  }

  /** Asks it to stop, and makes it when it does not. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MILLIS);
    await this.ended;
    clearTimeout(timer);
  }
}

/** The last line of a log; empty when there is none. */
function lastLine(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    return lines.at(-1) ?? '';
  } catch {
    return '';
  }
}
