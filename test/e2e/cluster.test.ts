import { randomInt } from 'node:crypto';
import { Prng } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { drawFaults, type Fault } from '../support/faults.ts';
import { HistoryClient } from '../support/history-client.ts';
import {
  describeVerdict,
  missingFromLedger,
  spoiltVerdicts,
  verdictOf,
  withLedger,
} from '../support/judge.ts';
import { ProxiedCluster } from '../support/proxied-cluster.ts';
import { Recorder } from '../support/recorder.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

/** `npm run test:chaos` asks for a full run. */
const ROUNDS = Number(process.env['CHAOS_ROUNDS'] ?? 4);
const SEED = BigInt(process.env['CHAOS_SEED'] ?? randomInt(2 ** 40));
/** Names of faults, to look into some of them. */
const ONLY = (process.env['CHAOS_FAULTS'] ?? '').split(',');
const CLIENTS = 8;
/** Operations that are to be answered in each part of a round. */
const PROGRESS = 400;
const MINUTES = 60_000;
vi.setConfig({ hookTimeout: 2 * MINUTES });

interface RoundReport {
  readonly fault: string;
  /** Until the first write that began after the fault was answered; null where none can be. */
  readonly failoverMillis: number | null;
  /** The same from the end of the fault on. */
  readonly recoveryMillis: number;
}

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: ProxiedCluster | null;
let clients: HistoryClient[];

beforeEach(() => {
  directory = temporaryDirectory();
  cluster = null;
  clients = [];
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await cluster?.stop();
  directory.remove();
});

describe('a cluster of three processes', () => {
  // Faults and calls are drawn from the seed; what they meet depends on the machine's timing too.
  it(
    `answers as one store through ${ROUNDS} rounds of faults, and loses nothing`,
    async () => {
      console.log(`seed ${SEED}; again: CHAOS_SEED=${SEED} CHAOS_ROUNDS=${ROUNDS}`);
      const prng = new Prng(SEED);
      const faults = drawFaults(ROUNDS, prng.fork(), ONLY);
      cluster = await ProxiedCluster.make(directory.path);
      await cluster.startAll();
      const recorder = new Recorder();
      const endpoints = cluster.endpoints();
      const newClient = (index: number): HistoryClient => {
        const client = new HistoryClient({ index, endpoints, prng: prng.fork(), recorder });
        clients.push(client);
        return client;
      };
      const workers = Array.from({ length: CLIENTS }, (_, index) => newClient(index));
      const stop = new AbortController();
      const working = Promise.all(workers.map((worker) => worker.work(stop.signal)));
      const rounds = await Promise.race([
        playAll(cluster, recorder, faults, prng.fork()),
        // It ends before it is told to only by a failure.
        working.then(() => []),
      ]);
      stop.abort();
      await working;

      // A client of its own at the end: it has seen nothing that could help it.
      const reader = newClient(CLIENTS);
      await reader.readAll();
      const ledger = await reader.readLedger();
      const recorded = recorder.history();
      expect(missingFromLedger(recorded, ledger)).toEqual([]);
      const history = withLedger(recorded, ledger);

      const since = performance.now();
      const verdict = verdictOf(history);
      expect(describeVerdict(verdict)).toBe('linearizable');
      const checkMillis = performance.now() - since;
      const spoilt = Object.entries(spoiltVerdicts(history));
      expect(spoilt).toHaveLength(10);
      expect(spoilt.filter(([, kind]) => kind !== 'not_linearizable')).toEqual([]);

      const reads = history.filter(({ input }) => input.kind === 'get' || input.kind === 'range');
      expect(reads.length).toBeGreaterThanOrEqual(history.length / 3);
      const totals = {
        ...recorder.totals(),
        reads: reads.length,
        ledger: ledger.size,
        droppedBytes: cluster.lostBytes(),
      };
      const check = { steps: verdict.steps, millis: Math.round(checkMillis) };
      console.log(JSON.stringify({ seed: String(SEED), rounds, totals, check }));
      expect(await cluster.stop()).toEqual([0, 0, 0]);
    },
    ROUNDS <= 5 ? 3 * MINUTES : 30 * MINUTES,
  );
});

async function playAll(
  cluster: ProxiedCluster,
  recorder: Recorder,
  faults: readonly Fault[],
  prng: Prng,
): Promise<RoundReport[]> {
  const reports: RoundReport[] = [];
  await progressed(cluster, recorder, 'the first operations are answered');
  for (const [index, fault] of faults.entries()) {
    const name = `round ${index + 1}, ${fault.name}`;
    const end = await fault.begin(cluster, prng);
    const failoverMillis = fault.available
      ? await progressed(cluster, recorder, `${name}: a quorum goes on`)
      : null;
    await end();
    const recoveryMillis = await progressed(cluster, recorder, `${name}: it goes on afterwards`);
    await cluster.whole();
    reports.push({ fault: fault.name, failoverMillis, recoveryMillis });
  }
  return reports;
}

/** Until operations that begin now are answered; milliseconds until the first of their writes. */
async function progressed(
  cluster: ProxiedCluster,
  recorder: Recorder,
  what: string,
): Promise<number> {
  const { reached, stop } = recorder.progress(PROGRESS);
  try {
    return Math.round(await until(reached, cluster.waiting(what)));
  } finally {
    stop();
  }
}
