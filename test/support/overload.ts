import { fileURLToPath } from 'node:url';
import { run } from './kimberlite.ts';

export interface OverloadPlan {
  readonly endpoints: readonly string[];
  /** For so long it is found out what the cluster can take, */
  readonly measureMillis: number;
  /** for so long it is asked for four times that, */
  readonly overloadMillis: number;
  /** and for so long, at most, it may take until calls are as fast as before. */
  readonly patienceMillis: number;
}

export interface OverloadReport {
  /** What it can take. */
  readonly putsASecond: number;
  /** What it did of that while it was asked for four times as much. */
  readonly servedShare: number;
  /** Median of single calls, before and after, in milliseconds. */
  readonly calmMillis: readonly [number, number];
  /** From the last answer of the overload until calls were as fast as before. */
  readonly recoveredMillis: number;
  readonly acknowledged: number;
  /** Acknowledged and not there at the end. */
  readonly lost: number;
  /** How calls ended that were not answered. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** Overloads a cluster from a process of its own. */
export async function overload(plan: OverloadPlan): Promise<OverloadReport> {
  const script = fileURLToPath(new URL('overload-client.ts', import.meta.url));
  const { code, stdout, stderr } = await run({
    file: process.execPath,
    args: ['--conditions=@kimberlite/source', script, JSON.stringify(plan)],
    options: {},
  });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as OverloadReport; // SAFETY: overload-client.ts wrote it.
}
