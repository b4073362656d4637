import { parseArgs } from 'node:util';

/** How long a soak runs, and on what. */
export interface SoakOptions {
  /** Acknowledged operations after which it ends, */
  readonly operations: number;
  /** or seconds, whichever is given; operations count when both are null. */
  readonly seconds: number | null;
  /** Keys that are written again and again; their number never grows. */
  readonly keys: number;
  readonly valueSize: number;
  /** Calls at once, each waiting for its answer before the next. */
  readonly callers: number;
  readonly size: 'default' | 'dev';
  /** Revisions behind the newest that stay readable; 0 for none. */
  readonly history: number;
  /** Set of timeouts. */
  readonly profile: 'default' | 'lan' | 'wan';
  /** Whether it is an error when the view changes, though nothing has died. */
  readonly viewChanges: boolean;
  /** Seconds between samples. */
  readonly every: number;
}

export const SOAK_USAGE = `npm run soak -- [options]

  --ops N          acknowledged operations (10000000)
  --for TIME       instead of a number of operations: 90s, 30m, 24h
  --keys N         keys that are written again and again (10000)
  --value-size N   bytes of a value (256)
  --callers N      concurrent callers (256)
  --size NAME      sizes of the data files: default or dev (default)
  --history N      keep so many older revisions (100000; 0 with --view-changes); those behind them
                   go by compaction
  --every N        seconds between samples (5)
  --profile NAME   timeouts of the replicas: default, lan or wan (default)
  --view-changes   counts view changes, each of which is false, for nothing dies; exit code 1 if
                   there is one. 30 minutes unless --for says otherwise

Prints the samples' slopes as JSON on standard output and a table on standard error.`;

/** Older revisions that a memory soak keeps. */
const HISTORY_DEFAULT = 100_000;
const PROFILES = ['default', 'lan', 'wan'] as const;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Reads the command line; a text says what is wrong with it. */
export function parseSoakOptions(args: readonly string[]): SoakOptions | string {
  let values: Readonly<Record<string, string | boolean | undefined>>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        ops: { type: 'string', default: '10000000' },
        for: { type: 'string' },
        keys: { type: 'string', default: '10000' },
        'value-size': { type: 'string', default: '256' },
        callers: { type: 'string', default: '256' },
        size: { type: 'string', default: 'default' },
        history: { type: 'string' },
        every: { type: 'string', default: '5' },
        profile: { type: 'string', default: 'default' },
        'view-changes': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return `${(error as Error).message}\n\n${SOAK_USAGE}`; // SAFETY: parseArgs throws errors only.
  }
  if (values['help'] === true) return SOAK_USAGE;
  const viewChanges = values['view-changes'] === true;
  const time = values['for'] ?? (viewChanges ? '30m' : undefined);
  const seconds = typeof time === 'string' ? secondsOf(time) : null;
  const profile = PROFILES.find((name) => name === values['profile']);
  const options: SoakOptions = {
    operations: Number(values['ops']),
    seconds,
    keys: Number(values['keys']),
    valueSize: Number(values['value-size']),
    callers: Number(values['callers']),
    size: values['size'] === 'dev' ? 'dev' : 'default',
    // Compaction is a part of what must not leak; where votes are counted it is not wanted.
    history: Number(values['history'] ?? (viewChanges ? 0 : HISTORY_DEFAULT)),
    profile: profile ?? 'default',
    viewChanges,
    every: Number(values['every']),
  };
  const counts = [options.operations, options.keys, options.callers];
  const sound =
    counts.every((value) => Number.isSafeInteger(value) && value > 0) &&
    Number.isSafeInteger(options.valueSize) &&
    options.valueSize >= 0 &&
    Number.isSafeInteger(options.history) &&
    options.history >= 0 &&
    options.every > 0 &&
    !Number.isNaN(seconds) &&
    profile !== undefined &&
    (values['size'] === 'dev' || values['size'] === 'default');
  return sound ? options : `an option is out of its range\n\n${SOAK_USAGE}`;
}

/** Seconds of a text such as 24h; NaN when it is none. */
function secondsOf(text: string): number {
  const found = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  return Number(found?.[1] ?? Number.NaN) * (UNIT_SECONDS[found?.[2] ?? ''] ?? Number.NaN);
}
