import { snake } from '@kimberlite/vsr';
import type { Verdict } from '../run/outcome.ts';
import type { RunResult } from '../run/run-seed.ts';
import type { Totals } from '../run/totals.ts';

/** How a number is spread over runs. */
export interface Spread {
  readonly least: number;
  readonly median: number;
  readonly p95: number;
  readonly most: number;
  readonly mean: number;
  /** Share of runs in which it was not zero, from 0 to 1. */
  readonly present: number;
}

/** The spread of some numbers; all zeros for none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((first, other) => first - other);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const count = Math.max(1, sorted.length);
  return {
    least: at(0),
    median: at(0.5),
    p95: at(0.95),
    most: at(1),
    mean: sorted.reduce((sum, value) => sum + value, 0) / count,
    present: sorted.filter((value) => value !== 0).length / count,
  };
}

/** Collects runs, and tells what they were like. */
export class RunStatistics {
  readonly verdicts: Record<Verdict, number>;
  /** Failures by what broke: a checker, or an assertion. */
  readonly failures: Map<string, number>;
  private readonly totals: Totals[];
  private readonly micros: number[];

  constructor() {
    this.verdicts = { ok: 0, crash: 0, liveness: 0, correctness: 0 };
    this.failures = new Map();
    this.totals = [];
    this.micros = [];
  }

  add(result: Pick<RunResult, 'verdict' | 'checker' | 'message' | 'totals' | 'micros'>): void {
    this.verdicts[result.verdict] += 1;
    this.totals.push(result.totals);
    this.micros.push(result.micros);
    if (result.verdict === 'ok') return;
    const what = result.checker ?? result.message;
    this.failures.set(what, (this.failures.get(what) ?? 0) + 1);
  }

  get runs(): number {
    return this.totals.length;
  }

  get events(): number {
    return this.totals.reduce((sum, { events }) => sum + events, 0);
  }

  /** The spread of each counter over the runs, by its name outside the code. */
  spreads(): Record<string, Spread> {
    const names = Object.keys(this.totals[0] ?? {}).filter((name) => name !== 'runs');
    const entries = names.map((name): [string, Spread] => {
      const key = name as keyof Totals; // SAFETY: a key of the record itself.
      return [snake(name), spreadOf(this.totals.map((totals) => totals[key]))];
    });
    const seconds = this.micros.map((micros) => micros / 1_000_000);
    return Object.fromEntries([['simulated_seconds', spreadOf(seconds)], ...entries]);
  }
}

/** A table of spreads, a line each: of all that ever was not zero, or is wanted. */
export function spreadTable(
  spreads: Readonly<Record<string, Spread>>,
  wanted: ReadonlySet<string> = new Set(),
): string {
  const head = row('', ['min', 'median', 'p95', 'max', 'mean', 'in runs']);
  const shown = Object.entries(spreads).filter(
    ([name, { present }]) => present > 0 || wanted.has(name),
  );
  const lines = shown.map(([name, spread]) =>
    row(name, [
      numberText(spread.least),
      numberText(spread.median),
      numberText(spread.p95),
      numberText(spread.most),
      spread.mean.toFixed(1),
      `${(spread.present * 100).toFixed(0)}%`,
    ]),
  );
  return [head, ...lines].join('\n');
}

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(30) + cells.map((cell) => cell.padStart(9)).join('');
}

function numberText(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
