import { existsSync } from 'node:fs';
import process from 'node:process';
import { TICK_MICROS } from '@kimberlite/vsr';
import type { Observed } from '../cluster/observer.ts';
import { bisect } from '../explain/bisect.ts';
import type { Bundle } from '../explain/bundle.ts';
import { diagnose, diagnosisText } from '../explain/diagnose.ts';
import { earlySignText } from '../explain/early-signs.ts';
import { minimize, sizeText } from '../explain/minimize.ts';
import { removedText } from '../explain/removed-text.ts';
import { replay, replayDifferences } from '../explain/replay.ts';
import { faultText, traceLine } from '../explain/trace-line.ts';
import { describeOptions } from '../run/describe-options.ts';
import { EXIT_CODES } from '../run/run-seed.ts';
import type { BundleArguments, MinimizeArguments } from './arguments.ts';
import { withBundle, writeBundle } from './bundle-file.ts';
import { fileFault } from './bundle-folder.ts';
import { EXIT_BAD_INPUT } from './exit-bad-input.ts';
import { LineWriter } from './lines.ts';
import { ProgressLine } from './progress.ts';

const EXIT_NOT_FOUND = 1;

/** `vopr repro`: runs a failure again. Returns the exit code of what the replay found, or 1. */
export async function reproCommand(
  options: BundleArguments & { readonly trace: boolean },
): Promise<number> {
  return await withBundle(options.bundle, (bundle) => {
    const lines = new LineWriter();
    const observer = (seen: Observed): void => lines.write(traceLine(seen));
    const result = replay(bundle, options.trace ? { observer } : {});
    const differences = replayDifferences(bundle, result);
    const found = result.verdict === 'ok' ? 'no failure' : result.message;
    if (differences.length === 0) {
      lines.write(`reproduced: ${verdictText(bundle)}`);
    } else {
      lines.write(`NOT the same: ${found} (event ${result.event})`);
      for (const difference of differences) lines.write(`  ${difference}`);
    }
    lines.flush();
    return result.verdict === 'ok' ? EXIT_NOT_FOUND : EXIT_CODES[result.verdict];
  });
}

/** `vopr show`: what a bundle holds, and what a replay tells about it. */
export async function showCommand(
  options: BundleArguments & { readonly events: number },
): Promise<number> {
  return await withBundle(options.bundle, (bundle) => {
    const lines = [
      verdictText(bundle),
      `scenario ${bundle.scenario}, seed ${bundle.seed}, commit ${bundle.commit}, ` +
        `version ${bundle.simVersion}, trace ${bundle.traceHash}`,
      ...(bundle.mutant === null ? [] : [`planted bug: ${bundle.mutant}`]),
      describeOptions(bundle.options, { workload: null, removed: bundle.removed }),
      removedText(bundle.removed),
      diagnosisText(diagnose(bundle)),
      `no way back from which event: npx vopr bisect ${options.bundle}`,
      ...lastLines(bundle, options.events),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
    return 0;
  });
}

/** The last lines of the trace of a replay. */
function lastLines(bundle: Bundle, count: number): string[] {
  if (count === 0) return [];
  const lines: string[] = [];
  replay(bundle, {
    observer: (seen) => {
      lines.push(traceLine(seen).trimEnd());
      if (lines.length > count) lines.shift();
    },
  });
  return ['', ...lines];
}

/** `vopr minimize`: writes the smallest run that fails the same way. */
export async function minimizeCommand(
  options: BundleArguments & MinimizeArguments,
): Promise<number> {
  const output = options.output ?? options.bundle.replace(/(\.min)?(\.json)?$/, '.min.json');
  // Before the work; that there is no bundle is the more telling of the two.
  const unwritable = existsSync(options.bundle) ? fileFault(output) : null;
  if (unwritable !== null) return badOutput(unwritable);
  return await withBundle(options.bundle, (bundle) => {
    const progress = new ProgressLine();
    const found = minimize(bundle, {
      replaysMax: options.replays,
      onProgress: ({ replays, ...size }) =>
        progress.print(() => `${replays} replays: ${sizeText(size)} left`),
    });
    progress.end();
    if (found === null) return notFailing(bundle);
    const fault = writeBundle(output, found.bundle);
    const why = found.complete
      ? 'nothing more can be left out'
      : `they are used up: npx vopr minimize ${output} goes on`;
    process.stdout.write(
      `before: ${sizeText(found.before)}\nafter:  ${sizeText(found.after)}\n` +
        `${found.replays} replays, ${why}\n${removedText(found.bundle.removed)}\n` +
        `${verdictText(found.bundle)}\n${fault === null ? `bundle: ${output}\n` : ''}`,
    );
    return fault === null ? 0 : badOutput(fault);
  });
}

/** `vopr bisect`: the first bad event. */
export async function bisectCommand(options: BundleArguments): Promise<number> {
  return await withBundle(options.bundle, (bundle) => {
    const progress = new ProgressLine();
    const found = bisect(bundle, {
      onProgress: ({ least, most }) =>
        progress.print(() => `passes when calm from event ${least}, fails from ${most}`),
    });
    progress.end();
    if (found === null) return notFailing(bundle);
    const { sign, doomedFrom, deciding, failedAt, replays } = found;
    const lines = [verdictText(bundle)];
    lines.push(`first sign: ${earlySignText(sign)}`);
    if (doomedFrom === 0) {
      lines.push('no way back: from the start; it fails without a single fault');
    } else {
      lines.push(
        `no way back: from event ${doomedFrom} on it fails even if nothing else goes wrong;`,
        `  without faults from event ${doomedFrom - 1} on it passes. Event ${doomedFrom - 1} was:`,
        ...deciding.map((fault) => `  ${faultText(fault)}`),
      );
    }
    lines.push(`failure: event ${failedAt}; ${replays} replays`);
    process.stdout.write(`${lines.join('\n')}\n`);
    return 0;
  });
}

function badOutput(fault: string): number {
  process.stderr.write(`vopr: ${fault}\n`);
  return EXIT_BAD_INPUT;
}

function notFailing(bundle: Bundle): number {
  process.stderr.write(`vopr: this does not fail here: ${verdictText(bundle)}\n`);
  return EXIT_NOT_FOUND;
}

function verdictText({ verdict, message, event, micros }: Bundle): string {
  return `${verdict}: ${message}; event ${event}, tick ${tickOf(micros)}`;
}

function tickOf(micros: number): number {
  return Math.floor(micros / TICK_MICROS);
}
