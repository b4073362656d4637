import { type Client, ClientError } from '@kimberlite/client';
import { exitOfClientError } from '../exit-codes.ts';
import { CliError } from '../fault.ts';
import {
  type BenchClock,
  BenchWatch,
  PROBE_MILLIS,
  SILENCE_MILLIS,
  systemClock,
} from './bench-watch.ts';

/** What a bench asks for, and how often. */
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
  /** By error code, those of the calls before the measured ones too. */
  readonly errors: Readonly<Record<string, number>>;
  /** The first of them, in words; null when no call failed. */
  readonly first_error: {
    readonly code: ClientError['code'];
    readonly message: string;
    readonly remedy: string;
    readonly definite: boolean;
  } | null;
}

/** What a bench calls of a client. */
export type BenchClient = Pick<Client, 'get' | 'put'>;

/** The time of a bench, and who hears how far it is. */
export interface BenchHost {
  readonly clock?: BenchClock;
  /** Told often how many of the calls of a part of the plan have ended. */
  readonly onProgress?: (part: string, ended: number, total: number) => void;
}

/**
 * Runs the plan. An error of a call is counted; CliError ends the run when no call has succeeded
 * for 5 seconds, with the reason, and the first error of a call when none of a part succeeds. Calls
 * may then be under way: they end when the client is closed.
 */
export async function runBench(
  client: BenchClient,
  plan: BenchPlan,
  host: BenchHost = {},
): Promise<BenchResult> {
  const { clock = systemClock, onProgress = (): void => {} } = host;
  let part: Part | null = null;
  const watch = new BenchWatch({
    clock,
    probe: () => client.get('bench/0', { timeout: PROBE_MILLIS }),
    onLook: () => {
      if (part !== null) onProgress(part.title(), part.done + part.failed, part.total);
    },
  });
  try {
    const warmup = new Part('warm-up', plan.warmup);
    part = warmup;
    await runPart(client, plan, { part, watch, clock });
    const measured = new Part('measuring', plan.operations);
    part = measured;
    const started = clock.now();
    await runPart(client, plan, { part, watch, clock });
    return resultOf(plan, { warmup, measured, seconds: (clock.now() - started) / 1000 });
  } finally {
    watch.end();
  }
}

/** Calls of one kind, and how those that have ended did. */
class Part {
  readonly name: string;
  readonly total: number;
  /** Of those that were answered, the first `done`. */
  readonly latencies: Float64Array;
  readonly errors: Map<ClientError['code'], number>;
  firstError: ClientError | null;
  begun: number;
  done: number;
  failed: number;

  constructor(name: string, total: number) {
    this.name = name;
    this.total = total;
    this.latencies = new Float64Array(total);
    this.errors = new Map();
    this.firstError = null;
    this.begun = 0;
    this.done = 0;
    this.failed = 0;
  }

  /** For the line of progress. */
  title(): string {
    return this.failed === 0 ? this.name : `${this.name}, ${this.failed} failed`;
  }

  onAnswer(millis: number): void {
    this.latencies[this.done] = millis;
    this.done += 1;
  }

  onError(error: ClientError): void {
    this.firstError ??= error;
    this.failed += 1;
    this.errors.set(error.code, (this.errors.get(error.code) ?? 0) + 1);
  }
}

interface Running {
  readonly part: Part;
  readonly watch: BenchWatch;
  readonly clock: BenchClock;
}

async function runPart(client: BenchClient, plan: BenchPlan, running: Running): Promise<void> {
  const { part, watch } = running;
  const state = { dead: false };
  const callers = Array.from({ length: Math.min(plan.callers, part.total) }, () =>
    callAgain(client, plan, { ...running, state }),
  );
  const reason = await Promise.race([Promise.all(callers).then(() => null), watch.dead]);
  if (reason !== null) {
    state.dead = true;
    throw deadError(reason, part);
  }
  if (part.total > 0 && part.done === 0 && part.firstError !== null) throw part.firstError;
}

/** One caller: a call after the other, while there are some left and the cluster lives. */
async function callAgain(
  client: BenchClient,
  plan: BenchPlan,
  { part, watch, clock, state }: Running & { readonly state: { readonly dead: boolean } },
): Promise<void> {
  const value = new Uint8Array(plan.valueSize).fill(0x78);
  while (part.begun < part.total && !state.dead) {
    part.begun += 1;
    const key = `bench/${Math.floor(Math.random() * plan.keys)}`;
    const started = clock.now();
    try {
      if (Math.random() < plan.reads) await client.get(key);
      else await client.put(key, value);
      const now = clock.now();
      part.onAnswer(now - started);
      watch.onSuccess(now);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      part.onError(error);
      watch.onFailure(error);
    }
  }
}

function deadError(reason: ClientError, part: Part): CliError {
  const { code, definite, message, remedy } = reason;
  const { done, failed, name, total } = part;
  const silence = `no call succeeded for ${SILENCE_MILLIS / 1000} seconds`;
  return new CliError({
    exitCode: exitOfClientError(code, definite),
    code,
    message: `${silence} (${name}: ${done} of ${total} answered, ${failed} failed); ${message}`,
    remedy,
    // Of the reason it may be true; calls that were under way may have happened.
    definite: false,
  });
}

function resultOf(
  plan: BenchPlan,
  {
    warmup,
    measured,
    seconds,
  }: { readonly warmup: Part; readonly measured: Part; readonly seconds: number },
): BenchResult {
  const latencies = measured.latencies.subarray(0, measured.done).sort();
  const at = (quantile: number): number => {
    const index = Math.min(latencies.length - 1, Math.floor(quantile * latencies.length));
    return rounded(latencies[index] ?? 0);
  };
  const mean = latencies.reduce((sum, value) => sum + value, 0) / latencies.length;
  const errors = new Map(warmup.errors);
  for (const [code, count] of measured.errors) errors.set(code, (errors.get(code) ?? 0) + count);
  const first = warmup.firstError ?? measured.firstError;
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
    first_error: first === null ? null : errorOf(first),
  };
}

function errorOf({
  code,
  message,
  remedy,
  definite,
}: ClientError): NonNullable<BenchResult['first_error']> {
  return { code, message, remedy, definite };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
