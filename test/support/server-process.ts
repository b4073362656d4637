import { type ChildProcess, spawn } from 'node:child_process';
import { type StatusRecord, statusOf } from '@kimberlite/server';
import { kimberlite, type Program } from './kimberlite.ts';

/** Lines of a process's log that are kept for the message of a failure. */
const LOG_LINES_MAX = 400;
const START_MILLIS = 60_000;
const STOP_MILLIS = 30_000;
const STATUS_MILLIS = 2_000;

export interface ServerOptions {
  readonly dataFile: string;
  /** Peer addresses by slot, as this replica is to dial them. */
  readonly addresses: readonly string[];
  readonly more?: readonly string[];
  /** Changes how it is run; as it is by default. */
  readonly wrap?: (program: Program) => Program;
}

/** How a server ended. */
export interface ServerEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A `kimberlite start` in a process of its own, on ports that the system picks. */
export class ServerProcess {
  readonly pid: number;
  /** Resolves when the process is gone, for whatever reason. */
  readonly ended: Promise<ServerEnd>;
  readonly log: string[];
  readonly #child: ChildProcess;
  #end: ServerEnd | null;
  #ports: Readonly<Record<'client' | 'peer' | 'http', number>> | null;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.log = [];
    this.#end = null;
    this.#ports = null;
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => this.log.push(error.message));
      child.once('close', (code, signal) => {
        this.#end = { code, signal };
        resolve(this.#end);
      });
    });
  }

  /** Resolves when it listens; rejects, and leaves nothing behind, when it ends before that. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const words = [
      'start',
      '--exit-with-parent',
      `--data-file=${options.dataFile}`,
      `--addresses=${options.addresses.join(',')}`,
      ...['client', 'peer', 'http'].map((what) => `--${what}-address=127.0.0.1:0`),
      ...(options.more ?? []),
    ];
    const {
      file,
      args,
      options: how,
    } = (options.wrap ?? ((same): Program => same))(kimberlite(words));
    // The channel is how it learns that this process is gone.
    const child = spawn(file, args, { ...how, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const server = new ServerProcess(child);
    const listening = server.#read();
    const timer = setTimeout(() => child.kill('SIGKILL'), START_MILLIS);
    const outcome = await Promise.race([listening, server.ended]);
    clearTimeout(timer);
    if (outcome === 'listening') return server;
    throw new Error(`the server did not start (${outcome.code}):\n${server.log.join('\n')}`);
  }

  isRunning(): boolean {
    return this.#end === null;
  }

  port(what: 'client' | 'peer' | 'http'): number {
    if (this.#ports === null) throw new Error('it listens');
    return this.#ports[what];
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  /** Over the channel, which a replica for tests listens to. */
  tell(message: string): void {
    this.#child.send(message);
  }

  /** Nobody reads its log any more. */
  closeLog(): void {
    this.#child.stderr?.destroy();
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  /** SIGTERM, and what came of it. */
  async stop(): Promise<ServerEnd> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_MILLIS);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }

  /** What it says of itself; null when it does not answer. */
  async status(): Promise<StatusRecord | null> {
    if (!this.isRunning()) return null;
    try {
      const signal = AbortSignal.timeout(STATUS_MILLIS);
      const response = await fetch(`http://127.0.0.1:${this.port('http')}/status`, { signal });
      return statusOf(await response.json());
    } catch {
      return null;
    }
  }

  /** Keeps the end of the log and finds the line that names the ports. */
  #read(): Promise<'listening'> {
    return new Promise((resolve) => {
      let rest = '';
      this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          this.log.push(line);
          if (this.log.length > LOG_LINES_MAX) this.log.shift();
          if (this.#ports !== null || !line.includes('"listening"')) continue;
          this.#ports = portsOf(line);
          resolve('listening');
        }
      });
    });
  }
}

function portsOf(line: string): Readonly<Record<'client' | 'peer' | 'http', number>> {
  // SAFETY: a line of the server's log, which is an object.
  const fields = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const port = (name: string): number => Number(String(fields[name]).split(':').at(-1));
  return {
    client: port('client_address'),
    peer: port('peer_address'),
    http: port('http_address'),
  };
}
