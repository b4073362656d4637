import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { THREAD_POOL_SIZE } from '@kimberlite/server';

const MAIN = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));
/** What runs longer than this in milliseconds was to end by itself and does not. */
const RUN_MILLIS = 60_000;

export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly options: SpawnOptions;
}

/** How `kimberlite` is run from its sources, so that no test runs against a stale build. */
export function kimberlite(words: readonly string[]): Program {
  return {
    file: process.execPath,
    args: ['--conditions=@kimberlite/source', MAIN, ...words],
    // The launcher of the published program sets it too, but needs a build.
    options: { env: { ...process.env, UV_THREADPOOL_SIZE: String(THREAD_POOL_SIZE) } },
  };
}

/** The same replica behind calls of the system that its parent can hold up (gray-replica.ts). */
export function withFaultyDisk(program: Program): Program {
  const script = fileURLToPath(new URL('gray-replica.ts', import.meta.url));
  return { ...program, args: program.args.map((arg) => (arg === MAIN ? script : arg)) };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, which is made when it takes too long. */
export function run(program: Program): Promise<Ended> {
  const { file, args, options } = program;
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn(file, args, {
    ...options,
    stdio: [...stdio],
    timeout: RUN_MILLIS,
    killSignal: 'SIGKILL',
  });
  return endOf(child);
}

/** Runs a command line of `kimberlite` to its end. */
export function runKimberlite(...words: readonly string[]): Promise<Ended> {
  return run(kimberlite(words));
}

/** Makes a data file with the sizes of development. */
export async function formatFile(options: {
  readonly path: string;
  readonly cluster: bigint;
  readonly slot: number;
  readonly replicaCount: number;
}): Promise<void> {
  const { code, stderr } = await runKimberlite(
    'format',
    `--data-file=${options.path}`,
    `--cluster=${options.cluster}`,
    `--replica=${options.slot}`,
    `--replicas=${options.replicaCount}`,
    '--size=dev',
  );
  if (code !== 0) throw new Error(stderr);
}

function endOf(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
