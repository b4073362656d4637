/**
 * `npm run bench`: durable puts on three replicas, and the same against etcd where it is installed,
 * in turns on the same machine. docs/benchmarks.md explains what the numbers mean.
 */
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Child } from './lib/child.ts';
import { etcdVersion, startEtcd } from './lib/etcd-system.ts';
import { startKimberlite } from './lib/kimberlite-system.ts';
import { Loader, type Measurement } from './lib/loader.ts';
import { type BenchOptions, parseOptions } from './lib/options.ts';
import { type Load, type LoadResults, type Report, reportOf, tableOf } from './lib/report.ts';
import type { System } from './lib/system.ts';
import { makeWorkDirectory } from './lib/work-directory.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

interface Contestant {
  readonly system: System;
  readonly loader: Loader;
  readonly results: LoadResults[];
}

const options = parseOptions(process.argv.slice(2));
if (typeof options === 'string') {
  say(options);
  process.exitCode = 2;
} else {
  const report = await run(options);
  say(tableOf(report));
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
}

/** Starts the clusters in a fresh directory beside the repository's packages, and removes it. */
async function run(plan: BenchOptions): Promise<Report> {
  const directory = makeWorkDirectory('bench');
  const children: Child[] = [];
  const clean = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop()));
    rmSync(directory, { recursive: true, force: true });
  };
  const interrupted = (): void => void clean().finally(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    return await measureAll(plan, directory, children);
  } finally {
    await clean();
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}

async function measureAll(
  plan: BenchOptions,
  directory: string,
  children: Child[],
): Promise<Report> {
  const contestants = await startAll(plan, directory, children);
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const load of loadsOf(plan)) {
      // Who is first changes, so that neither always finds the disk as the other left it.
      const order = round % 2 === 0 ? contestants : contestants.toReversed();
      for (const { loader, results } of order) {
        const measured = await loader.measure({ ...plan, ...load });
        addResult(results, load, measured);
        say(
          `round ${round + 1}/${plan.rounds}  ${loader.name}  ${load.operation}  ` +
            `${load.callers} callers  ` +
            `${measured.operations_per_second.toFixed(0)}/s  ` +
            `p50 ${measured.p50_ms.toFixed(3)} ms  p99 ${measured.p99_ms.toFixed(3)} ms  ` +
            `others used ${measured.other_cpu_seconds} CPU s`,
        );
      }
    }
  }
  return reportOf(plan, contestants);
}

/** Puts first, so that there is something to read. */
function loadsOf(plan: BenchOptions): Load[] {
  return plan.operations.flatMap((operation) =>
    plan.callers.map((callers) => ({ operation, callers })),
  );
}

function addResult(results: LoadResults[], load: Load, measured: Measurement): void {
  const known = results.find(
    ({ operation, callers }) => operation === load.operation && callers === load.callers,
  );
  if (known === undefined) results.push({ ...load, rounds: [measured] });
  else known.rounds.push(measured);
}

async function startAll(
  plan: BenchOptions,
  directory: string,
  children: Child[],
): Promise<Contestant[]> {
  const started = (child: Child): void => void children.push(child);
  const { profileDirectory } = plan;
  const nodeFlags =
    profileDirectory === null
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${resolve(profileDirectory)}`, '--cpu-prof-interval=200'];
  const systems: System[] = [];
  say('formatting three data files');
  const own = join(directory, 'kimberlite');
  systems.push(await startKimberlite({ directory: own, size: plan.size, nodeFlags, started }));
  if (plan.etcd && etcdVersion() === null) {
    say('etcd is not installed (Debian: apt-get install etcd-server): Kimberlite alone');
  } else if (plan.etcd) {
    const other = join(directory, 'etcd');
    systems.push(await startEtcd({ directory: other, channels: plan.etcdChannels, started }));
  }
  return systems.map((system) => {
    const logFile = join(directory, `${system.name}-client.log`);
    const flags = system.name === 'kimberlite' ? nodeFlags : [];
    const loader = new Loader(system, { logFile, nodeFlags: flags });
    started(loader.child);
    return { system, loader, results: [] };
  });
}
