import { Client, ClientError } from '@kimberlite/client';
import { expect } from 'vitest';
import { type ProxiedCluster, slots } from './proxied-cluster.ts';
import { until } from './until.ts';

/** Sessions whose requests fill the pipeline of a primary, and wait behind it. */
const HELD = 24;
/** Sessions that come when it is full. */
const REFUSED = 24;
/** Milliseconds that these wait, while they are refused again and again. */
const IMPATIENT_MILLIS = 700;
/** Milliseconds that the others wait. */
const PATIENT_MILLIS = 60_000;

export interface SessionsReport {
  /** Calls that the servers refused until their callers had no more time. */
  readonly overloadedCalls: number;
  /** Refusals of the primary, those of calls that were answered later included. */
  readonly busyRefusals: number;
  /** From when it could again until all that waited was answered. */
  readonly recoveredMillis: number;
}

/**
 * Asks for more than a cluster can take, from many sessions, where a client's own queue has nothing
 * to do with it: the disks of the backups hang, and nothing commits. The primary itself must then
 * refuse what comes, definitely; whoever has the patience is served when it can again.
 */
export async function manySessions(cluster: ProxiedCluster): Promise<SessionsReport> {
  const endpoints = slots().map((slot) => `127.0.0.1:${cluster.port(slot, 'client')}`);
  const clients = Array.from({ length: HELD + REFUSED + 1 }, () => {
    return new Client({ endpoints, lanes: 1, requestTimeout: PATIENT_MILLIS });
  });
  const [patient, ...others] = clients;
  if (patient === undefined) throw new Error('there are some');
  try {
    await Promise.all(clients.map((client, number) => client.put(`warm ${number}`, 'x')));
    const primary = await cluster.primary();
    const backups = slots().filter((slot) => slot !== primary);
    for (const slot of backups) cluster.tell(slot, 'hang');
    const held = others.slice(0, HELD).map((client, number) => client.put(`held ${number}`, 'x'));
    await until(async () => {
      return (await cluster.status(primary))?.state.commitStalled === true ? true : null;
    }, cluster.waiting('the primary notices that nothing commits'));
    const spike = patient.put('patient', 'x');
    const refused = await Promise.all(
      others.slice(HELD).map((client, number) => {
        const call = client.put(`refused ${number}`, 'x', { timeout: IMPATIENT_MILLIS });
        return call.then(() => null).catch((error: unknown) => error);
      }),
    );
    for (const slot of backups) cluster.tell(slot, 'release');
    const releasedAt = performance.now();
    await Promise.all([...held, spike]);
    const recoveredMillis = Math.round(performance.now() - releasedAt);
    const open = refused.flatMap((error, number) => (isDefinite(error) ? [] : [number]));
    await holds(patient, open);
    const overloadedCalls = REFUSED - open.length;
    expect(overloadedCalls).toBeGreaterThan(0);
    const busyRefusals = await busyRefusalsOf(cluster, primary);
    expect(busyRefusals).toBeGreaterThanOrEqual(overloadedCalls);
    return { overloadedCalls, busyRefusals, recoveredMillis };
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/**
 * Whether it was refused for sure. Where the machine is so slow that a refusal takes longer than
 * the first pause of a session, there are copies that nobody answers, and its end is open.
 */
function isDefinite(error: unknown): boolean {
  if (!(error instanceof ClientError)) throw new Error('it was refused', { cause: error });
  const { code, definite } = error;
  expect([code, definite]).toEqual(definite ? ['overloaded', true] : ['timeout', false]);
  return definite;
}

/**
 * What was acknowledged is there, and what was refused for sure is not, and will not be. Of some,
 * by their numbers, nobody knows.
 */
async function holds(client: Client, open: readonly number[]): Promise<void> {
  const keys: string[] = [];
  for (const prefix of ['held ', 'patient', 'refused ']) {
    for await (const { key } of client.scan({ prefix })) keys.push(Buffer.from(key).toString());
  }
  const unknown = open.map((number) => `refused ${number}`);
  const known = keys.filter((key) => !unknown.includes(key));
  const expected = Array.from({ length: HELD }, (_, number) => `held ${number}`);
  expect(known.toSorted()).toEqual([...expected, 'patient'].toSorted());
}

/** Requests and reads that this replica refused as it was full. */
async function busyRefusalsOf(cluster: ProxiedCluster, slot: number): Promise<number> {
  const page = await fetch(`http://127.0.0.1:${cluster.port(slot, 'http')}/metrics`);
  const series = 'vsr_refusals_total{reason="busy"} ';
  const line = (await page.text()).split('\n').find((each) => each.startsWith(series));
  return Number(line?.slice(series.length) ?? 0);
}
