/**
 * `npm run bench:vopr`: simulated events a second on one core, with the fast checksum and with
 * SHA-256. An event is a delivery, a completion of an I/O, a step of a client or a timer that
 * fired; idle ticks do not count, and all checkers watch. docs/benchmarks.md has results.
 *
 * Seconds are those of the processor that this process used, so that others on the machine matter
 * little. `--against DIR` runs the same seeds with the sources of another work tree in turns and
 * prints the ratio; name a tree whose runs are the same, or the ratio means nothing.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type * as Simulator from '@kimberlite/sim';

type Sim = typeof Simulator;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '10' },
    scenario: { type: 'string', multiple: true, default: ['baseline', 'swarm'] },
    against: { type: 'string' },
  },
});

const CHECKSUMS = ['mix128', 'sha256-128'] as const;
type ChecksumName = (typeof CHECKSUMS)[number];

interface Measured {
  events: number;
  /** Simulated events with the idle ones, and the hash of all: equal where the runs are. */
  hashes: string[];
  seconds: number;
}

function measure(sim: Sim, scenario: string, seed: bigint, checksum: ChecksumName): Measured {
  const options = sim.scenarioOptions(scenario, seed);
  if (options === null) throw new Error(`there is no scenario '${scenario}'`);
  const before = process.cpuUsage();
  const { totals, traceHash } = sim.runSeed({ seed, simulation: { ...options, checksum } });
  const { user, system } = process.cpuUsage(before);
  return { events: totals.events, hashes: [traceHash], seconds: (user + system) / 1_000_000 };
}

function add(sum: Measured, other: Measured): void {
  sum.events += other.events;
  sum.hashes.push(...other.hashes);
  sum.seconds += other.seconds;
}

function row(cells: readonly (string | number)[]): void {
  process.stdout.write(`${cells.map((cell) => String(cell).padEnd(16)).join('')}\n`);
}

const here: Sim = await import('@kimberlite/sim');
const path = values.against === undefined ? null : resolve(values.against);
const there: Sim | null =
  path === null
    ? null
    : // SAFETY: the same package of another work tree.
      ((await import(pathToFileURL(`${path}/packages/sim/src/index.ts`).href)) as Sim);
const first = BigInt(values.seed);
const runs = Number(values.runs);

// What is compiled while it is measured would count against whoever comes first.
for (const sim of there === null ? [here] : [there, here]) measure(sim, 'swarm', 1n, 'mix128');

row(['scenario', 'checksum', 'events', 'CPU seconds', 'events/s a core', there ? 'speed-up' : '']);
for (const scenario of values.scenario) {
  for (const checksum of CHECKSUMS) {
    const own: Measured = { events: 0, hashes: [], seconds: 0 };
    const other: Measured = { events: 0, hashes: [], seconds: 0 };
    for (let run = 0; run < runs; run += 1) {
      const seed = first + BigInt(run);
      if (there !== null && run % 2 === 0) add(other, measure(there, scenario, seed, checksum));
      add(own, measure(here, scenario, seed, checksum));
      if (there !== null && run % 2 === 1) add(other, measure(there, scenario, seed, checksum));
    }
    const same = there === null || own.hashes.join() === other.hashes.join();
    const ratio = there === null ? '' : `${(other.seconds / own.seconds).toFixed(2)}x`;
    const rate = Math.round(own.events / own.seconds);
    const note = same ? ratio : `${ratio} (other runs!)`;
    row([scenario, checksum, own.events, own.seconds.toFixed(2), rate, note]);
  }
}
