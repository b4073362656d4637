import { performance } from 'node:perf_hooks';
import { quantile, rounded, Samples } from './statistics.ts';

/**
 * What callers do: durable puts, linearizable reads, or reads of whatever one replica has (local
 * ones here, serializable ones in etcd's words).
 */
export const OPERATIONS = ['put', 'get', 'get_local'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** A store that takes puts. */
export interface PutTarget {
  /** Resolves when the put is durable on a quorum. */
  put(key: string, value: Uint8Array): Promise<unknown>;
  close(): Promise<void>;
}

/** A store that can be loaded with all operations. */
export interface LoadedStore extends PutTarget {
  /** Absent keys are no error. */
  get(key: string, level: 'linearizable' | 'local'): Promise<unknown>;
}

export interface LoadPlan {
  readonly operation: Operation;
  readonly callers: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly keys: number;
  readonly valueSize: number;
}

/** One load as it was measured; latencies in milliseconds. */
export interface LoadResult {
  readonly operations: number;
  readonly seconds: number;
  readonly operations_per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly p999_ms: number;
  readonly max_ms: number;
  /** Calls that failed, in the warm-up too. */
  readonly errors: number;
}

/** Calls that fail one after another before a caller gives up. */
const ERRORS_IN_A_ROW_MAX = 20;

/**
 * Runs the warm-up and then the measurement, without a pause between them. `onMeasure` is called
 * when the measurement begins.
 */
export async function runLoad(
  target: LoadedStore,
  plan: LoadPlan,
  onMeasure: () => void,
): Promise<LoadResult> {
  let errors = 0;
  if (plan.warmupSeconds > 0) errors += (await measure(target, plan, plan.warmupSeconds)).errors;
  onMeasure();
  const measured = await measure(target, plan, plan.seconds);
  errors += measured.errors;
  const sorted = measured.latencies.sorted();
  if (sorted.length === 0) throw new Error('no call succeeded');
  return {
    operations: sorted.length,
    seconds: rounded(measured.seconds, 4),
    operations_per_second: rounded(sorted.length / measured.seconds, 1),
    p50_ms: rounded(quantile(sorted, 0.5), 4),
    p99_ms: rounded(quantile(sorted, 0.99), 4),
    p999_ms: rounded(quantile(sorted, 0.999), 4),
    max_ms: rounded(quantile(sorted, 1), 4),
    errors,
  };
}

async function measure(
  target: LoadedStore,
  plan: LoadPlan,
  seconds: number,
): Promise<{ readonly latencies: Samples; readonly seconds: number; readonly errors: number }> {
  const latencies = new Samples();
  const value = new Uint8Array(plan.valueSize).fill(0x78);
  const started = performance.now();
  const end = started + seconds * 1000;
  let errors = 0;
  const caller = async (): Promise<void> => {
    let inARow = 0;
    for (let now = performance.now(); now < end; ) {
      const before = now;
      try {
        await perform(target, plan, value);
        now = performance.now();
        latencies.add(now - before);
        inARow = 0;
      } catch (error) {
        now = performance.now();
        errors += 1;
        inARow += 1;
        if (inARow >= ERRORS_IN_A_ROW_MAX) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: plan.callers }, caller));
  return { latencies, seconds: (performance.now() - started) / 1000, errors };
}

function perform(target: LoadedStore, plan: LoadPlan, value: Uint8Array): Promise<unknown> {
  const key = randomKey(plan.keys);
  switch (plan.operation) {
    case 'put':
      return target.put(key, value);
    case 'get':
      return target.get(key, 'linearizable');
    case 'get_local':
      return target.get(key, 'local');
  }
}

/** Of one length whatever the number, as in etcd's own benchmark. */
function randomKey(keys: number): string {
  return `bench/${String(Math.floor(Math.random() * keys)).padStart(10, '0')}`;
}
