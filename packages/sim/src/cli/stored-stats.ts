import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { snake } from '@kimberlite/vsr';
import { BadBundle, Fields, isRecord } from '../explain/bundle-fields.ts';
import { ratiosOf } from '../run/ratios.ts';
import { countersWanted } from './report.ts';

/** What stored results and bundles say together, or what is wrong with one of them. */
export type StoredStats = { readonly text: string } | { readonly fault: string };

interface Sums {
  runs: number;
  seconds: number;
  files: number;
  bundles: number;
  readonly verdicts: Map<string, number>;
  readonly totals: Map<string, number>;
  /** Scenarios of the results. */
  readonly scenarios: Set<string>;
  /** By what broke: where. */
  readonly failures: Map<string, string[]>;
}

const SEEDS_SHOWN = 5;

/**
 * Adds up results of `run --json`, as of the shards of one campaign, and the failures in folders of
 * bundles. Failures that are in both are counted once.
 */
export function storedStats(paths: readonly string[]): StoredStats {
  const sums: Sums = {
    ...{ runs: 0, seconds: 0, files: 0, bundles: 0 },
    ...{ verdicts: new Map(), totals: new Map(), failures: new Map() },
    scenarios: new Set(),
  };
  for (const path of paths) {
    try {
      if (statSync(path).isDirectory()) addFolder(sums, path);
      else addFile(sums, path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { fault: `${path}: ${reason}` };
    }
  }
  return { text: sumsText(sums) };
}

function addFolder(sums: Sums, folder: string): void {
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.json')) continue;
    const fields = Fields.parse(readFileSync(join(folder, name), 'utf8'));
    if (fields.value['format'] === undefined) continue;
    addBundle(sums, fields);
  }
}

function addFile(sums: Sums, path: string): void {
  const fields = Fields.parse(readFileSync(path, 'utf8'));
  if (fields.value['format'] !== undefined) {
    addBundle(sums, fields);
    return;
  }
  sums.files += 1;
  sums.runs += fields.count('runs');
  const { seconds } = fields.value;
  if (typeof seconds === 'number') sums.seconds += seconds;
  addCounts(sums.verdicts, fields.object('verdicts'));
  addCounts(sums.totals, fields.object('totals'));
  const { scenarios } = fields.value;
  if (isRecord(scenarios)) for (const name of Object.keys(scenarios)) sums.scenarios.add(name);
  for (const failure of fields.list('failures')) {
    if (!isRecord(failure)) throw new BadBundle('failures must be objects');
    const { checker, message, scenario, seed } = failure;
    const what = typeof checker === 'string' ? checker : String(message);
    addFailure(sums, what, `${String(scenario)} ${String(seed)}`);
  }
}

function addBundle(sums: Sums, fields: Fields): void {
  sums.bundles += 1;
  const verdict = fields.object('verdict');
  const what = verdict.textOrNull('checker') ?? verdict.text('message');
  addFailure(sums, what, `${fields.text('scenario')} ${fields.seed('seed')}`);
}

function addCounts(sums: Map<string, number>, counts: Fields): void {
  for (const name of Object.keys(counts.value)) {
    sums.set(name, (sums.get(name) ?? 0) + counts.count(name));
  }
}

function addFailure(sums: Sums, what: string, where: string): void {
  const places = sums.failures.get(what) ?? [];
  if (!places.includes(where)) places.push(where);
  sums.failures.set(what, places);
}

function sumsText(sums: Sums): string {
  const lines = [`${sums.files} results, ${sums.bundles} bundles`];
  if (sums.files > 0) {
    const events = sums.totals.get('events') ?? 0;
    const rate = sums.seconds === 0 ? 0 : Math.round(events / sums.seconds);
    const verdicts = [...sums.verdicts].map(([name, count]) => `${name} ${count}`).join(', ');
    lines.push(
      `${sums.runs} runs: ${verdicts}`,
      `${events} events in ${sums.seconds.toFixed(1)} s: ${rate} events/s`,
    );
  }
  const failures = [...sums.failures].sort((first, other) => other[1].length - first[1].length);
  for (const [what, places] of failures) {
    const shown = places.slice(0, SEEDS_SHOWN).join('; ');
    const more = places.length > SEEDS_SHOWN ? '; ...' : '';
    lines.push(`  ${String(places.length).padStart(6)}  ${what} (${shown}${more})`);
  }
  lines.push(...totalsLines(sums));
  return lines.join('\n');
}

/** Totals that are not zero, or that a witness wants; shares are those of the sums. */
function totalsLines({ totals, scenarios }: Sums): string[] {
  const shares = ratiosOf((name) => totals.get(snake(name)) ?? 0);
  const shown = new Map(totals);
  for (const [name, share] of Object.entries(shares)) {
    if (totals.has(snake(name))) shown.set(snake(name), share);
  }
  const wanted = new Set([...countersWanted([...scenarios])].map(snake));
  return [...shown].flatMap(([name, count]) =>
    count === 0 && !wanted.has(name) ? [] : [`  ${name.padEnd(30)} ${count}`],
  );
}
