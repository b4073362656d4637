import { type Command, InvalidArgumentError } from 'commander';
import {
  type ConnectionFlags,
  natural,
  type OutputFlags,
  openClient,
  positive,
  withConnection,
} from '../connection-options.ts';
import { exitOfClientError } from '../exit-codes.ts';
import { CliError, errorLine } from '../fault.ts';
import { type Io, writeJson } from '../io.ts';
import { ProgressLine } from '../progress.ts';
import { type BenchPlan, type BenchResult, runBench } from './run-bench.ts';

interface BenchFlags extends ConnectionFlags, OutputFlags, BenchPlan {}

/** Adds bench. */
export function addBenchCommand(
  program: Command,
  io: Io,
  setExitCode: (code: number) => void,
): void {
  withConnection(program.command('bench'))
    .description('Measure durable puts (and gets) by concurrent callers of one client.')
    .option('--callers <n>', 'calls in flight at once', positive, 64)
    .option('--value-size <bytes>', 'bytes of a value', natural, 256)
    .option('--keys <n>', 'random keys to choose from', positive, 100_000)
    .option('--operations <n>', 'calls that are measured', positive, 20_000)
    .option('--warmup <n>', 'calls before those', natural, 1_000)
    .option('--reads <share>', 'share of gets, 0 to 1', share, 0)
    .addHelpText(
      'after',
      `
Writes keys that begin with bench/ into the namespace. On a terminal, standard error shows how far
it is. Exit code 0 only when every call succeeded, those before the measured ones too: where some
failed, the result counts them by error, and the exit code is that of the first (4 no answer, 5
refused). When no call has succeeded for 5 seconds it stops, without a result, and says why.

Examples:
  kimberlite bench
  kimberlite bench --callers 1000 --operations 200000 -o json
  kimberlite bench --callers 1 --operations 2000 --reads 0.5`,
    )
    .action(async (flags: BenchFlags) => {
      const client = openClient(flags, io, 4);
      const progress = new ProgressLine(io);
      try {
        await client.connected();
        const result = await runBench(client, flags, {
          onProgress: (part, ended, total) => progress.show(part, ended, total),
        });
        progress.clear();
        if (flags.output === 'json') writeJson(io, result);
        else io.write(benchText(result));
        const failed = failureOf(result);
        if (failed === null) return;
        io.writeError(errorLine(failed));
        setExitCode(failed.exitCode);
      } finally {
        progress.clear();
        await client.close();
      }
    });
}

/** What ends the program after a run in which calls failed; null when none did. */
export function failureOf({
  operations,
  errors,
  first_error: first,
}: BenchResult): CliError | null {
  if (first === null) return null;
  const { code, definite, remedy } = first;
  const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
  const message = `${failed} calls failed and ${operations} were measured; first: ${first.message}`;
  return new CliError({
    exitCode: exitOfClientError(code, definite),
    ...{ code, message, remedy, definite },
  });
}

function benchText(result: BenchResult): string {
  const { latency_ms: latency } = result;
  const errors = Object.entries(result.errors).map(([code, count]) => `${code} ${count}`);
  return [
    `${result.operations} operations, ${result.callers} callers, ` +
      `${result.value_size} bytes, ${result.keys} keys`,
    `throughput  ${result.operations_per_second} per second over ${result.seconds} s`,
    `latency ms  mean ${latency.mean}  p50 ${latency.p50}  p90 ${latency.p90}  ` +
      `p99 ${latency.p99}  p999 ${latency.p999}  max ${latency.max}`,
    `errors      ${errors.length === 0 ? 'none' : errors.join(', ')}`,
    '',
  ].join('\n');
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('must be a number from 0 to 1.');
}
