/**
 * `npm run soak`: millions of acknowledged operations on a fixed set of keys, and whether memory,
 * descriptors or files grow meanwhile, or the view changes. docs/benchmarks.md explains what the
 * numbers mean.
 */
import { once } from 'node:events';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '@kimberlite/client';
import type { Child } from './lib/child.ts';
import { startKimberlite } from './lib/kimberlite-system.ts';
import { parseSoakOptions, type SoakOptions } from './lib/soak-options.ts';
import { type SoakSample, SoakSeries, soakTable } from './lib/soak-series.ts';
import type { System } from './lib/system.ts';
import { viewEvents, viewReport } from './lib/view-watch.ts';
import { makeWorkDirectory } from './lib/work-directory.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);
/** Calls that fail one after another before the soak gives up. */
const ERRORS_IN_A_ROW_MAX = 20;

const LOOK_MILLIS = 50;

/** What the load has come to. */
interface Progress {
  acknowledged: number;
  errors: number;
  over: boolean;
}

const options = parseSoakOptions(process.argv.slice(2));
if (typeof options === 'string') {
  say(options);
  process.exitCode = 2;
} else {
  await soak(options);
}

async function soak(plan: SoakOptions): Promise<void> {
  const directory = makeWorkDirectory('soak');
  const children: Child[] = [];
  const progress: Progress = { acknowledged: 0, errors: 0, over: false };
  // Ends the load; what was measured until then is still told.
  const interrupted = (): void => {
    progress.over = true;
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    const system = await startKimberlite({
      directory: join(directory, 'kimberlite'),
      size: plan.size,
      history: plan.history,
      profile: plan.profile,
      // A heap is compared after a collection: before it, its size says when the last one was.
      nodeFlags: ['--expose-gc'],
      started: (child) => children.push(child),
    });
    await run(plan, { system, files: join(directory, 'kimberlite'), progress });
  } finally {
    await Promise.all(children.map((child) => child.stop()));
    rmSync(directory, { recursive: true, force: true });
  }
}

async function run(
  plan: SoakOptions,
  under: { readonly system: System; readonly files: string; readonly progress: Progress },
): Promise<void> {
  const { system, files, progress } = under;
  const { target } = system;
  if (target.kind !== 'kimberlite') throw new Error('replicas of this repository');
  const client = new Client({ endpoints: target.endpoints, cluster: BigInt(target.cluster) });
  const firstView = await settledView(system.members);
  const series = new SoakSeries();
  const begin = performance.now();
  const seconds = (): number => (performance.now() - begin) / 1000;
  const callers = Array.from({ length: plan.callers }, (_, caller) =>
    call(client, plan, { caller, progress, seconds }),
  );
  const load = Promise.all(callers).finally(() => {
    progress.over = true;
  });
  const failed = Promise.race(system.members.map((member) => member.failed()));
  while (!progress.over) {
    await Promise.race([pause(plan.every * 1000), load, failed]);
    const line = `${seconds().toFixed(0)} s  ${progress.acknowledged} acknowledged`;
    if (plan.viewChanges) {
      // No collections are asked for: each would be a stall that no load causes.
      const views = await Promise.all(system.members.map(viewOf));
      say(`${line}  views ${views.map(({ view }) => view).join(' ')}`);
      continue;
    }
    const samples = await Promise.all(
      system.members.map((member, slot) => sampleOf(member, join(files, `${slot}.data`))),
    );
    series.add(progress.acknowledged, samples);
    const rss = samples.map((sample) => `${(sample.rss / 1e6).toFixed(0)}`).join(' ');
    say(`${line}  rss ${rss} MB`);
  }
  await load;
  await client.close();
  const slopes = plan.viewChanges ? [] : series.slopes();
  const elapsed = seconds();
  if (!plan.viewChanges) say(soakTable(slopes));
  const rate = Math.round(progress.acknowledged / elapsed);
  const { acknowledged, errors } = progress;
  const looks = await Promise.all(system.members.map(viewOf));
  const last = Math.max(...looks.map(({ view }) => view));
  const events = system.members.flatMap(({ logFile }, slot) => viewEvents(logFile, slot));
  const views = viewReport({ first: firstView, last, replicas: looks.length }, events);
  const { first_view, last_view, false_view_changes } = views;
  say(`views ${first_view} to ${last_view}: ${false_view_changes} false changes`);
  const seen = { acknowledged, errors, seconds: Math.round(elapsed), rate };
  process.stdout.write(`${JSON.stringify({ plan, ...seen, views, slopes }, null, 2)}\n`);
  if (plan.viewChanges && views.false_view_changes > 0) process.exitCode = 1;
}

interface ViewLook {
  readonly status: string;
  readonly view: number;
}

async function viewOf(member: Child): Promise<ViewLook> {
  const answer = once(member.process, 'message');
  member.process.send('view');
  const [look] = await answer;
  return look as ViewLook; // SAFETY: replica-process.ts answers so.
}

/** The view in which the cluster began to serve: changes at its start are none of the load. */
async function settledView(members: readonly Child[]): Promise<number> {
  for (;;) {
    const looks = await Promise.all(members.map(viewOf));
    const [first] = looks;
    const settled = looks.every(({ status, view }) => status === 'normal' && view === first?.view);
    if (settled && first !== undefined) return first.view;
    await pause(LOOK_MILLIS);
  }
}

/** One caller: puts and now and then a delete, on the keys there are. */
async function call(
  client: Client,
  plan: SoakOptions,
  {
    caller,
    progress,
    seconds,
  }: {
    readonly caller: number;
    readonly progress: Progress;
    readonly seconds: () => number;
  },
): Promise<void> {
  const value = new Uint8Array(plan.valueSize).fill(0x78);
  let failures = 0;
  for (let turn = caller; !progress.over; turn += plan.callers) {
    if (plan.seconds !== null && seconds() > plan.seconds) return;
    if (plan.seconds === null && progress.acknowledged >= plan.operations) return;
    // A step that visits every key, in an order that is not the keys'.
    const key = `key ${(turn * 7919) % plan.keys}`;
    try {
      // One in sixteen, without regard to which key it is.
      if (Math.imul(turn, 0x9e3779b1) >>> 28 === 15) await client.delete(key);
      else await client.put(key, value);
      progress.acknowledged += 1;
      failures = 0;
    } catch (error) {
      progress.errors += 1;
      failures += 1;
      if (failures >= ERRORS_IN_A_ROW_MAX) throw error;
    }
  }
}

/** Asks a replica for its memory, and the system for the rest. */
async function sampleOf(member: Child, file: string): Promise<SoakSample> {
  const answer = once(member.process, 'message');
  member.process.send('memory');
  const [memory] = await answer;
  // SAFETY: replica-process.ts answers with what Node says of the process's memory.
  const { heapUsed, external, rss } = memory as NodeJS.MemoryUsage;
  const descriptors = readdirSync(`/proc/${member.pid}/fd`).length;
  return { heap: heapUsed, external, rss, descriptors, file: statSync(file).size };
}
