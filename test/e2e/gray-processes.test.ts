import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Prng } from '@kimberlite/vsr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type GrayFault, hungDisk, oneWay, stopped } from '../support/gray-faults.ts';
import { HistoryClient } from '../support/history-client.ts';
import { describeVerdict, missingFromLedger, verdictOf, withLedger } from '../support/judge.ts';
import { manySessions } from '../support/many-sessions.ts';
import { overload } from '../support/overload.ts';
import { ProxiedCluster, slots } from '../support/proxied-cluster.ts';
import { Recorder } from '../support/recorder.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

/** `npm run test:chaos` asks for the long ones. */
const LONG = process.env['CHAOS_GRAY'] === 'long';
const SEED = BigInt(process.env['CHAOS_SEED'] ?? randomInt(2 ** 40));
const CLIENTS = 6;
/** Operations that are to be answered in each part of a round. */
const PROGRESS = 100;
const MINUTES = 60_000;
vi.setConfig({ testTimeout: (LONG ? 15 : 4) * MINUTES, hookTimeout: 2 * MINUTES });

const FAULTS: readonly GrayFault[] = [
  ...(LONG ? [200, 500, 1_000, 2_000, 5_000, 10_000, 30_000] : [200, 1_500]).map(stopped),
  hungDisk(null),
  ...(LONG ? [hungDisk(10_000), hungDisk(30_000)] : []),
  oneWay('deaf', 'all'),
  oneWay('mute', 'all'),
  oneWay('deaf', 'one'),
  oneWay('mute', 'one'),
];

interface Report {
  readonly fault: string;
  /** From the beginning of the fault until a write that began after it was answered. */
  readonly failoverMillis: number;
  /** Until another one leads, where that is what ends the fault. */
  readonly replacedMillis: number | null;
  /** From its end until every replica is normal, level, and reached by all. */
  readonly wholeMillis: number;
  readonly viewChanged: boolean;
}

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: ProxiedCluster;
const open: { close(): Promise<void> }[] = [];

/** Starts a cluster with these settings. */
async function begin(...settings: readonly string[]): Promise<void> {
  cluster = await ProxiedCluster.make(directory.path, { disksMayHang: true, settings });
  await cluster.startAll();
  await cluster.whole();
}

beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
  await cluster.stop();
  directory.remove();
});

describe('a primary that is stopped, half cut off, or has a disk that hangs', () => {
  it('is replaced or leads on, comes back, loses no write, and never reads stale', async () => {
    await begin();
    console.log(`seed ${SEED}`);
    const prng = new Prng(SEED);
    const recorder = new Recorder();
    const newClient = (endpoints: readonly string[]): HistoryClient => {
      const client = new HistoryClient({
        index: open.length,
        endpoints,
        prng: prng.fork(),
        recorder,
      });
      open.push(client);
      return client;
    };
    const all = cluster.endpoints();
    const workers = Array.from({ length: CLIENTS }, () => newClient(all));
    // Each of these knows one replica only, and so asks it while it sleeps.
    const lonely = all.map((endpoint) => newClient([endpoint]));
    const stop = new AbortController();
    const working = Promise.all([...workers, ...lonely].map((worker) => worker.work(stop.signal)));
    const reports: Report[] = [];
    const playing = (async (): Promise<void> => {
      await progressed(recorder, 'the first operations are answered');
      for (const fault of FAULTS) reports.push(await play(fault, recorder));
    })();
    // They end before they are told to only by a failure.
    await Promise.race([playing, working]);
    stop.abort();
    await Promise.all([playing, working]);

    const reader = newClient(all);
    await reader.readAll();
    const ledger = await reader.readLedger();
    const recorded = recorder.history();
    expect(missingFromLedger(recorded, ledger)).toEqual([]);
    expect(describeVerdict(verdictOf(withLedger(recorded, ledger)))).toBe('linearizable');
    console.log(JSON.stringify({ reports, totals: recorder.totals() }));
    // Gone for longer than anybody waits, it must not have come back as the primary.
    for (const { fault, viewChanged } of reports) {
      const long = FAULTS.find(({ name }) => name === fault)?.lasts ?? Number.POSITIVE_INFINITY;
      if (long >= 1_500 && !fault.endsWith('to one')) expect(viewChanged, fault).toBe(true);
    }
  });
});

async function play(fault: GrayFault, recorder: Recorder): Promise<Report> {
  const primary = await cluster.primary();
  const view = (await cluster.status(primary))?.state.view ?? 0;
  const end = fault.begin(cluster, primary);
  const goesOn = progressed(recorder, `${fault.name}: a write is answered`);
  let failoverMillis: number;
  const begunAt = performance.now();
  let replacedMillis: number | null = null;
  if (fault.lasts === null) {
    failoverMillis = await goesOn;
    await until(
      async () => {
        return (await cluster.primary()) === primary ? null : true;
      },
      cluster.waiting(`${fault.name}: another one leads`),
    );
    replacedMillis = Math.round(performance.now() - begunAt);
    end();
  } else {
    // That it lasts is the fault; nothing is waited for by it.
    await pause(fault.lasts);
    end();
    failoverMillis = await goesOn;
  }
  const endedAt = performance.now();
  await cluster.whole();
  const wholeMillis = Math.round(performance.now() - endedAt);
  await progressed(recorder, `${fault.name}: it goes on afterwards`);
  const after = (await cluster.status(primary))?.state.view ?? 0;
  const viewChanged = after > view;
  return { fault: fault.name, failoverMillis, replacedMillis, wholeMillis, viewChanged };
}

/** Until operations that begin now are answered; milliseconds until the first of their writes. */
async function progressed(recorder: Recorder, what: string): Promise<number> {
  const { reached, stop } = recorder.progress(PROGRESS);
  try {
    return Math.round(await until(reached, cluster.waiting(what)));
  } finally {
    stop();
  }
}

describe('four times the load that three processes can take', () => {
  it('is refused in part, loses no write, and leaves nothing behind', async () => {
    await begin();
    const primary = await cluster.primary();
    const view = (await cluster.status(primary))?.state.view;
    const report = await overload({
      // Past the proxies, which are for the faults.
      endpoints: slots().map((slot) => `127.0.0.1:${cluster.port(slot, 'client')}`),
      measureMillis: LONG ? 5_000 : 1_000,
      overloadMillis: LONG ? 20_000 : 1_500,
      patienceMillis: 20_000,
    });
    await cluster.whole();
    const after = (await cluster.status(primary))?.state.view;
    console.log(JSON.stringify({ ...report, views: [view, after] }));
    for (const outcome of Object.keys(report.outcomes)) expect(OVERLOADED).toContain(outcome);
    expect(report.lost).toBe(0);
    // What it can do it does, whatever else is asked of it.
    expect(report.servedShare).toBeGreaterThan(0.05);
    const [before, now] = report.calmMillis;
    expect(now).toBeLessThanOrEqual(2 * before + 1);
    await expectAtRest();
  });

  it('is refused by the replicas when more sessions ask than they have room for', async () => {
    // A primary whose commits stand still says so for a while, before another takes its place.
    await begin('--timeout-abdicate=20000');
    console.log(JSON.stringify(await manySessions(cluster)));
    await expectAtRest();
  });
});

/** Nothing is left in any queue. */
async function expectAtRest(): Promise<void> {
  for (const slot of slots()) {
    expect((await cluster.status(slot))?.state).toMatchObject({
      queueLength: 0,
      pipelineLength: 0,
      commitStalled: false,
    });
  }
}

/** How calls may end that are too many. */
const OVERLOADED = ['queue_full', 'timeout', 'timeout, may have happened'];
