/**
 * Offers a cluster four times the load that it can take, from a process of its own, so that
 * nothing but the cluster's own work delays the cluster. Its plan is its argument; prints an
 * OverloadReport.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Client, ClientError } from '@kimberlite/client';
import type { OverloadPlan, OverloadReport } from './overload.ts';

/** Callers that each wait for their answer, to find out what it can take. */
const CALLERS = 256;
/** Milliseconds between two bursts of calls. */
const BURST_MILLIS = 10;
const LOOK_MILLIS = 20;

// SAFETY: overload.ts wrote it.
const plan = JSON.parse(process.argv[2] ?? '{}') as OverloadPlan;
const client = new Client({
  endpoints: plan.endpoints,
  requestTimeout: 2_000,
  queueCallsMax: 2_000,
});
const acknowledged = new Map<string, string>();
const outcomes = new Map<string, number>();
let turn = 0;

async function put(): Promise<void> {
  const key = `key ${turn}`;
  const value = key.padEnd(200, '.');
  turn += 1;
  try {
    await client.put(key, value);
    acknowledged.set(key, value);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const name = `${error.code}${error.definite ? '' : ', may have happened'}`;
    outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
  }
}

/** Median milliseconds of a few calls, one after another. */
async function latency(): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 15; count += 1) {
    const since = performance.now();
    await put();
    times.push(performance.now() - since);
  }
  return times.sort((first, other) => first - other)[7] ?? 0;
}

/** Puts a millisecond, with as many callers as it can serve. */
async function capacity(): Promise<number> {
  const over = performance.now() + plan.measureMillis;
  const caller = async (): Promise<void> => {
    while (performance.now() < over) await put();
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return acknowledged.size / plan.measureMillis;
}

/** Calls that do not wait for one another, as of users who do not know of each other. */
async function overload(rate: number): Promise<number> {
  const begun = performance.now();
  const before = acknowledged.size;
  const calls: Promise<void>[] = [];
  while (performance.now() - begun < plan.overloadMillis) {
    const due = 4 * rate * (performance.now() - begun);
    while (calls.length < due) calls.push(put());
    await pause(BURST_MILLIS);
  }
  await Promise.all(calls);
  return (acknowledged.size - before) / (performance.now() - begun);
}

async function lost(): Promise<number> {
  const found = new Map<string, string>();
  for await (const { key, value } of client.scan({ prefix: 'key ' }, { timeout: 30_000 })) {
    found.set(Buffer.from(key).toString(), Buffer.from(value ?? []).toString());
  }
  return [...acknowledged].filter(([key, value]) => found.get(key) !== value).length;
}

await latency();
const calmBefore = await latency();
const rate = await capacity();
const served = await overload(rate);
const endedAt = performance.now();
let calmAfter = await latency();
while (calmAfter > 2 * calmBefore + 1 && performance.now() - endedAt < plan.patienceMillis) {
  await pause(LOOK_MILLIS);
  calmAfter = await latency();
}
const report: OverloadReport = {
  putsASecond: Math.round(1000 * rate),
  servedShare: served / rate,
  calmMillis: [calmBefore, calmAfter],
  recoveredMillis: Math.round(performance.now() - endedAt),
  acknowledged: acknowledged.size,
  lost: await lost(),
  outcomes: Object.fromEntries(outcomes),
};
await client.close();
process.stdout.write(`${JSON.stringify(report)}\n`);
