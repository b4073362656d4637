import { performance } from 'node:perf_hooks';
import { type Client, ClientError } from '@kimberlite/client';
import { type Command, InvalidArgumentError } from 'commander';
import {
  type ConnectionFlags,
  natural,
  type OutputFlags,
  openClient,
  positive,
  withConnection,
} from './connection-options.ts';
import { type Io, writeJson } from './io.ts';

export interface BenchPlan {
  /** Callers that each wait for their answer before the next call. */
  readonly callers: number;
  /** Bytes of a value. */
  readonly valueSize: number;
  /** Keys to choose from, uniformly. */
  readonly keys: number;
  /** Calls that are measured. */
  readonly operations: number;
  /** Calls before those, which are not. */
  readonly warmup: number;
  /** Share of gets, 0 to 1; the rest are puts. */
  readonly reads: number;
}

/** Latencies in milliseconds. Failed calls count in `errors` only. */
export interface BenchResult {
  readonly callers: number;
  readonly value_size: number;
  readonly keys: number;
  readonly reads: number;
  readonly operations: number;
  readonly seconds: number;
  readonly operations_per_second: number;
  readonly latency_ms: {
    readonly mean: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  /** By error code. */
  readonly errors: Readonly<Record<string, number>>;
}

interface BenchFlags extends ConnectionFlags, OutputFlags {
  readonly callers: number;
  readonly valueSize: number;
  readonly keys: number;
  readonly operations: number;
  readonly warmup: number;
  readonly reads: number;
}

/** Adds bench. */
export function addBenchCommand(program: Command, io: Io): void {
  withConnection(program.command('bench'))
    .description('Measure durable puts (and gets) by concurrent callers of one client.')
    .option('--callers <n>', 'calls in flight at once', positive, 64)
    .option('--value-size <bytes>', 'bytes of a value', natural, 256)
    .option('--keys <n>', 'random keys to choose from', positive, 100_000)
    .option('--operations <n>', 'calls that are measured', positive, 20_000)
    .option('--warmup <n>', 'calls before those', natural, 1_000)
    .option('--reads <share>', 'share of gets, 0 to 1', share, 0)
    .addHelpText(
      'after',
      `
Writes keys that begin with bench/ into the namespace.

Examples:
  kimberlite bench
  kimberlite bench --callers 1000 --operations 200000 -o json
  kimberlite bench --callers 1 --operations 2000 --reads 0.5`,
    )
    .action(async (flags: BenchFlags) => {
      const client = openClient(flags, io, 4);
      try {
        await client.connected();
        const result = await runBench(client, flags);
        if (flags.output === 'json') writeJson(io, result);
        else io.write(benchText(result));
      } finally {
        await client.close();
      }
    });
}

/** Runs the plan; an error of a call is counted, and ends the run only when nothing succeeds. */
export async function runBench(client: Client, plan: BenchPlan): Promise<BenchResult> {
  const warm = await measure(client, plan, plan.warmup);
  throwIfHopeless(warm, plan.warmup);
  const measured = await measure(client, plan, plan.operations);
  throwIfHopeless(measured, plan.operations);
  const { latencies, seconds, errors } = measured;
  latencies.sort();
  const at = (quantile: number): number => {
    const index = Math.min(latencies.length - 1, Math.floor(quantile * latencies.length));
    return rounded(latencies[index] ?? 0);
  };
  const mean = latencies.reduce((sum, value) => sum + value, 0) / latencies.length;
  return {
    callers: plan.callers,
    value_size: plan.valueSize,
    keys: plan.keys,
    reads: plan.reads,
    operations: latencies.length,
    seconds: rounded(seconds),
    operations_per_second: Math.round(latencies.length / seconds),
    latency_ms: {
      mean: rounded(mean),
      p50: at(0.5),
      p90: at(0.9),
      p99: at(0.99),
      p999: at(0.999),
      max: at(1),
    },
    errors: Object.fromEntries(errors),
  };
}

interface Measured {
  readonly latencies: Float64Array;
  readonly seconds: number;
  readonly errors: ReadonlyMap<string, number>;
  readonly firstError: ClientError | null;
}

async function measure(client: Client, plan: BenchPlan, operations: number): Promise<Measured> {
  const latencies = new Float64Array(operations);
  const errors = new Map<string, number>();
  const value = new Uint8Array(plan.valueSize).fill(0x78);
  let firstError: ClientError | null = null;
  let begun = 0;
  let done = 0;
  const caller = async (): Promise<void> => {
    while (begun < operations) {
      begun += 1;
      const key = `bench/${Math.floor(Math.random() * plan.keys)}`;
      const started = performance.now();
      try {
        if (Math.random() < plan.reads) await client.get(key);
        else await client.put(key, value);
        latencies[done] = performance.now() - started;
        done += 1;
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        firstError ??= error;
        errors.set(error.code, (errors.get(error.code) ?? 0) + 1);
      }
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: Math.min(plan.callers, operations) }, caller));
  const seconds = (performance.now() - started) / 1000;
  return { latencies: latencies.subarray(0, done), seconds, errors, firstError };
}

function throwIfHopeless(measured: Measured, operations: number): void {
  if (operations === 0 || measured.latencies.length > 0) return;
  if (measured.firstError !== null) throw measured.firstError;
}

function benchText(result: BenchResult): string {
  const { latency_ms: latency } = result;
  const errors = Object.entries(result.errors).map(([code, count]) => `${code} ${count}`);
  return [
    `${result.operations} operations, ${result.callers} callers, ` +
      `${result.value_size} bytes, ${result.keys} keys`,
    `throughput  ${result.operations_per_second} per second over ${result.seconds} s`,
    `latency ms  mean ${latency.mean}  p50 ${latency.p50}  p90 ${latency.p90}  ` +
      `p99 ${latency.p99}  p999 ${latency.p999}  max ${latency.max}`,
    `errors      ${errors.length === 0 ? 'none' : errors.join(', ')}`,
    '',
  ].join('\n');
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('must be a number from 0 to 1.');
}
