import { cpus, release, totalmem, type } from 'node:os';
import type { Operation } from './load.ts';
import type { Measurement } from './loader.ts';
import type { BenchOptions } from './options.ts';
import { median, rounded } from './statistics.ts';
import type { System } from './system.ts';

/** Medians over the rounds. */
export interface Medians {
  readonly operations_per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly p999_ms: number;
  /** CPU microseconds of all members and of the client for each call. */
  readonly members_cpu_us_per_operation: number | null;
  readonly client_cpu_us_per_operation: number | null;
  /** Of all members together. */
  readonly members_resident_bytes: number | null;
}

export interface LoadReport {
  readonly operation: Operation;
  readonly callers: number;
  readonly median: Medians;
  readonly rounds: readonly Measurement[];
}

export interface SystemReport {
  readonly description: Readonly<Record<string, string | number>>;
  readonly loads: readonly LoadReport[];
}

/** Kimberlite's median divided by etcd's: above 1 is better for throughput, below for the rest. */
export interface Ratio {
  readonly operation: Operation;
  readonly callers: number;
  readonly operations_per_second: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** What the benchmark prints. */
export interface Report {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly workload: {
    readonly keys: number;
    readonly value_size: number;
    readonly seconds: number;
    readonly warmup_seconds: number;
    readonly rounds: number;
  };
  readonly systems: Readonly<Record<string, SystemReport>>;
  /** Empty without etcd. */
  readonly ratios: readonly Ratio[];
}

/** What so many callers did at once. */
export interface Load {
  readonly operation: Operation;
  readonly callers: number;
}

/** Everything that was measured of one system under one load. */
export interface LoadResults extends Load {
  readonly rounds: Measurement[];
}

export function reportOf(
  options: BenchOptions,
  systems: readonly { readonly system: System; readonly results: readonly LoadResults[] }[],
): Report {
  const reports = systems.map(({ system, results }): [string, SystemReport] => {
    const loads = results.map(({ operation, callers, rounds }): LoadReport => {
      return { operation, callers, median: mediansOf(rounds), rounds };
    });
    return [system.name, { description: system.description, loads }];
  });
  const byName = Object.fromEntries(reports);
  return {
    machine: {
      system: `${type()} ${release()}`,
      node: process.version,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memory_bytes: totalmem(),
    },
    workload: {
      keys: options.keys,
      value_size: options.valueSize,
      seconds: options.seconds,
      warmup_seconds: options.warmupSeconds,
      rounds: options.rounds,
    },
    systems: byName,
    ratios: ratiosOf(byName['kimberlite'], byName['etcd']),
  };
}

function mediansOf(rounds: readonly Measurement[]): Medians {
  const of = (value: (round: Measurement) => number): number => median(rounds.map(value));
  const cpu = (round: Measurement, which: (name: string) => boolean): number =>
    (sum(round.cpu_seconds, which) / round.operations) * 1e6;
  const isClient = (name: string): boolean => name === 'client';
  const isMember = (name: string): boolean => name !== 'client';
  // Without /proc there are no usages at all.
  const known = rounds.every((round) => round.other_cpu_seconds !== null);
  return {
    operations_per_second: of((round) => round.operations_per_second),
    p50_ms: of((round) => round.p50_ms),
    p99_ms: of((round) => round.p99_ms),
    p999_ms: of((round) => round.p999_ms),
    members_cpu_us_per_operation: known
      ? rounded(
          of((round) => cpu(round, isMember)),
          2,
        )
      : null,
    client_cpu_us_per_operation: known
      ? rounded(
          of((round) => cpu(round, isClient)),
          2,
        )
      : null,
    members_resident_bytes: known ? of((round) => sum(round.resident_bytes, isMember)) : null,
  };
}

function sum(values: Readonly<Record<string, number>>, which: (name: string) => boolean): number {
  return Object.entries(values).reduce((total, [name, value]) => {
    return which(name) ? total + value : total;
  }, 0);
}

function ratiosOf(ours: SystemReport | undefined, theirs: SystemReport | undefined): Ratio[] {
  if (ours === undefined || theirs === undefined) return [];
  return ours.loads.flatMap(({ operation, callers, median: own }) => {
    const same = theirs.loads.filter((load) => load.operation === operation);
    const other = same.find((load) => load.callers === callers)?.median;
    if (other === undefined) return [];
    const ratio = (value: (medians: Medians) => number): number =>
      rounded(value(own) / value(other), 3);
    return [
      {
        operation,
        callers,
        operations_per_second: ratio((medians) => medians.operations_per_second),
        p50: ratio((medians) => medians.p50_ms),
        p99: ratio((medians) => medians.p99_ms),
        p999: ratio((medians) => medians.p999_ms),
      },
    ];
  });
}

/** The medians for people. */
export function tableOf(report: Report): string {
  const head = ['', 'load', 'callers', 'a second', 'p50 ms', 'p99 ms', 'p999 ms', 'cpu us', 'MiB'];
  const rows = Object.entries(report.systems).flatMap(([name, { loads }]) =>
    loads.map(({ operation, callers, median: medians }) => [
      name,
      operation,
      String(callers),
      medians.operations_per_second.toFixed(0),
      medians.p50_ms.toFixed(3),
      medians.p99_ms.toFixed(3),
      medians.p999_ms.toFixed(3),
      `${text(medians.members_cpu_us_per_operation, 1)} + ${text(medians.client_cpu_us_per_operation, 1)}`,
      text(medians.members_resident_bytes, 1024 * 1024),
    ]),
  );
  const ratios = report.ratios.map((ratio) => [
    'ratio',
    ratio.operation,
    String(ratio.callers),
    `${ratio.operations_per_second.toFixed(2)}x`,
    `${ratio.p50.toFixed(2)}x`,
    `${ratio.p99.toFixed(2)}x`,
    `${ratio.p999.toFixed(2)}x`,
    '',
    '',
  ]);
  const lines = [head, ...rows, ...ratios];
  const widths = head.map((_, column) => Math.max(...lines.map((row) => row[column]?.length ?? 0)));
  return lines
    .map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '))
    .join('\n');
}

function text(value: number | null, unit: number): string {
  return value === null ? '-' : (value / unit).toFixed(unit === 1 ? 1 : 0);
}
