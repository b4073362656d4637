import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

const STOP_MILLIS = 10_000;

export interface ChildOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where its standard output and error go. */
  readonly logFile: string;
  /** Whether it talks over Node's channel. */
  readonly channel: boolean;
}

/** A process that this one started, and stops. */
export class Child {
  readonly name: string;
  readonly pid: number;
  readonly process: ChildProcess;
  readonly logFile: string;
  readonly #ended: Promise<void>;
  #stopping: boolean;

  /** Throws when it cannot be started at all. */
  constructor(options: ChildOptions) {
    const { name, command, args, env, logFile, channel } = options;
    const log = openSync(logFile, 'a');
    const stdio: StdioOptions = channel ? ['ignore', log, log, 'ipc'] : ['ignore', log, log];
    this.process = spawn(command, args, { stdio, env });
    closeSync(log);
    const { pid } = this.process;
    // A command that is not there has no pid; the error event says the same, later.
    this.process.on('error', () => {});
    if (pid === undefined) throw new Error(`cannot start ${command}`);
    this.name = name;
    this.pid = pid;
    this.logFile = logFile;
    this.#ended = new Promise((resolve) => this.process.once('exit', () => resolve()));
    this.#stopping = false;
  }

  /** Rejects when it ends without having been told to. */
  async failed(): Promise<never> {
    await this.#ended;
    if (this.#stopping) return new Promise(() => {});
    throw new Error(`${this.name} ended by itself:\n${this.lastLines()}`);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_MILLIS);
    await this.#ended;
    clearTimeout(timer);
  }

  lastLines(): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  }
}
