/**
 * `node bench/failover.ts`: how long a cluster of three does not serve when its leader is killed
 * (or stopped, with --signal SIGSTOP), and the same for etcd where it is installed, in turns on the
 * same machine. Prints JSON on standard output and a line a trial on standard error.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Child } from './lib/child.ts';
import { etcdVersion } from './lib/etcd-system.ts';
import { failoverEtcd } from './lib/failover-etcd.ts';
import { failoverKimberlite } from './lib/failover-kimberlite.ts';
import { type FailoverSystem, PATIENCE_MILLIS } from './lib/failover-system.ts';
import { Watch } from './lib/failover-watch.ts';
import type { PutTarget } from './lib/load.ts';
import { median, quantile, rounded } from './lib/statistics.ts';
import { makeWorkDirectory } from './lib/work-directory.ts';

/** Callers that put one after the other all the time. */
const CALLERS = 4;
/** Load before the leader goes, and after a trial, in milliseconds. */
const CALM_MILLIS = 1_500;

interface Options {
  readonly trials: number;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  readonly etcd: boolean;
}

interface SystemReport {
  readonly settings: string;
  /** Milliseconds from the signal to the answer of the first put that began after it. */
  readonly trials_ms: readonly number[];
  readonly median_ms: number;
  readonly p90_ms: number;
  readonly max_ms: number;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '20' },
    signal: { type: 'string', default: 'SIGKILL' },
    'no-etcd': { type: 'boolean', default: false },
  },
});
const options: Options = {
  trials: Number(values.trials),
  signal: values.signal === 'SIGSTOP' ? 'SIGSTOP' : 'SIGKILL',
  etcd: !values['no-etcd'] && etcdVersion() !== null,
};
process.stdout.write(`${JSON.stringify(await run(options), null, 2)}\n`);

async function run(plan: Options): Promise<object> {
  const directory = makeWorkDirectory('failover');
  const children: Child[] = [];
  const clean = async (): Promise<void> => {
    for (const child of children) child.process.kill('SIGCONT');
    await Promise.all(children.map((child) => child.stop()));
    rmSync(directory, { recursive: true, force: true });
  };
  const interrupted = (): void => void clean().finally(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    return await measure(plan, directory, (child) => void children.push(child));
  } finally {
    await clean();
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}

async function measure(
  plan: Options,
  directory: string,
  started: (child: Child) => void,
): Promise<object> {
  const systems = await startAll(plan, directory, started);
  const results = new Map(systems.map(({ name }) => [name, [] as number[]]));
  for (let trial = 0; trial < plan.trials; trial += 1) {
    for (const system of trial % 2 === 0 ? systems : systems.toReversed()) {
      const millis = await failover(system, plan.signal);
      results.get(system.name)?.push(millis);
      say(`trial ${trial + 1}/${plan.trials}  ${system.name}  ${millis.toFixed(0)} ms`);
    }
  }
  const reports = systems.map(({ name, settings }): [string, SystemReport] => {
    const trials = results.get(name) ?? [];
    const sorted = Float64Array.from(trials).sort();
    return [
      name,
      {
        settings,
        trials_ms: trials.map((millis) => rounded(millis, 1)),
        median_ms: rounded(median(trials), 1),
        p90_ms: rounded(quantile(sorted, 0.9), 1),
        max_ms: rounded(quantile(sorted, 1), 1),
      },
    ];
  });
  const medianOf = (name: string): number =>
    reports.find(([known]) => known === name)?.[1].median_ms ?? Number.NaN;
  const ratio = (own: string, other: string): number | null => {
    const value = medianOf(own) / medianOf(other);
    return Number.isNaN(value) ? null : rounded(value, 3);
  };
  return {
    signal: plan.signal,
    trials: plan.trials,
    systems: Object.fromEntries(reports),
    ratios: {
      default: ratio('kimberlite', 'etcd'),
      lan_to_tuned: ratio('kimberlite-lan', 'etcd-tuned'),
    },
  };
}

async function startAll(
  plan: Options,
  directory: string,
  started: (child: Child) => void,
): Promise<FailoverSystem[]> {
  const at = (name: string): string => join(directory, name);
  const systems = [
    await failoverKimberlite({ directory: at('default'), profile: 'default', started }),
    await failoverKimberlite({ directory: at('lan'), profile: 'lan', started }),
  ];
  if (plan.etcd) {
    const tuned = { heartbeat: 20, election: 200 };
    systems.push(
      await failoverEtcd({ directory: at('etcd'), name: 'etcd', tuned: null, started }),
      await failoverEtcd({ directory: at('tuned'), name: 'etcd-tuned', tuned, started }),
    );
  } else say('etcd is not installed, or not wanted: Kimberlite alone');
  return systems;
}

/** One trial: load, the signal to the leader, the first put after it, and all is whole again. */
async function failover(system: FailoverSystem, signal: Options['signal']): Promise<number> {
  await until(`${system.name} is whole`, () => system.isWhole());
  const client = system.client();
  const watch = new Watch();
  const callers = Array.from({ length: CALLERS }, (_, caller) => call(client, caller, watch));
  await pause(CALM_MILLIS * (1 + Math.random() / 2));
  let leader: number | null = null;
  await until(`${system.name} has a leader`, async () => {
    leader = await system.leader();
    return leader !== null;
  });
  const child = leader === null ? undefined : system.members[leader];
  if (child === undefined || leader === null) throw new Error('waited for it');
  watch.begin();
  child.process.kill(signal);
  await until(`${system.name} serves again`, () => Promise.resolve(watch.millis !== null));
  watch.stopped = true;
  await Promise.all(callers);
  await client.close();
  if (signal === 'SIGSTOP') {
    child.process.kill('SIGCONT');
  } else {
    await child.stop();
    system.restart(leader);
  }
  if (watch.millis === null) throw new Error('waited for it');
  return watch.millis;
}

async function call(client: PutTarget, caller: number, watch: Watch): Promise<void> {
  const value = new Uint8Array(64);
  while (!watch.stopped) {
    const beganAt = performance.now();
    try {
      await client.put(`caller ${caller}`, value);
      watch.answered(beganAt);
    } catch {
      // Begun anew: what counts is when one is answered.
    }
    // A steady load, far from what the machine can do.
    await pause(2);
  }
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MILLIS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await pause(5);
  }
}
