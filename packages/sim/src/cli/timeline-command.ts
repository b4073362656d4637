import process from 'node:process';
import type { Bundle } from '../explain/bundle.ts';
import { diagnose } from '../explain/diagnose.ts';
import { replay } from '../explain/replay.ts';
import { Timeline } from '../explain/timeline.ts';
import { type RunResult, runSeed } from '../run/run-seed.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import type { TimelineArguments } from './arguments.ts';
import { withBundle } from './bundle-file.ts';
import { EXIT_BAD_INPUT } from './exit-bad-input.ts';
import { runPlanted } from './planted.ts';

/** `vopr timeline`: one lane a replica. */
export async function timelineCommand(options: TimelineArguments): Promise<number> {
  const { source } = options;
  if (!('bundle' in source)) {
    const planted = await runPlanted(source.mutant);
    return planted ?? showSeed(source.seed, source.scenario, options);
  }
  return await withBundle(source.bundle, (bundle) => showBundle(bundle, options));
}

function showSeed(seed: bigint, scenario: string, options: TimelineArguments): number {
  const simulation = scenarioOptions(scenario, seed);
  if (simulation === null) return EXIT_BAD_INPUT;
  const timeline = new Timeline(simulation.replicaCount);
  const result = runSeed({ seed, simulation, observer: (seen) => timeline.observe(seen) });
  print(timeline, { result, slot: null, title: `${scenario} seed ${seed}` }, options);
  return 0;
}

function showBundle(bundle: Bundle, options: TimelineArguments): number {
  const timeline = new Timeline(bundle.options.replicaCount);
  const result = replay(bundle, { observer: (seen) => timeline.observe(seen) });
  const title = `${bundle.scenario} seed ${bundle.seed}`;
  print(timeline, { result, slot: diagnose(bundle).slot, title }, options);
  return 0;
}

interface Shown {
  readonly result: RunResult;
  /** Who failed. */
  readonly slot: number | null;
  readonly title: string;
}

function print(
  timeline: Timeline,
  { result, slot, title }: Shown,
  { width, events }: TimelineArguments,
): void {
  const { verdict, message, event, micros } = result;
  const seconds = (micros / 1_000_000).toFixed(2);
  if (verdict !== 'ok') {
    timeline.fail({ slot, event, text: `${verdict}: ${message}` });
  }
  const head = `${title}: ${verdict}: ${message}; ${event} events, ${seconds} s`;
  process.stdout.write(`${head}\n\n${timeline.text({ width, moments: events })}\n`);
}
