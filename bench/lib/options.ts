import { parseArgs } from 'node:util';
import { OPERATIONS, type Operation } from './load.ts';

/** What a run of the benchmark measures. */
export interface BenchOptions {
  /** Measured seconds of one load, after its warm-up. */
  readonly seconds: number;
  /** Seconds of load before each measurement. */
  readonly warmupSeconds: number;
  /** What callers do; each is measured with each number of them. */
  readonly operations: readonly Operation[];
  /** Numbers of concurrent callers, each waiting for its answer before its next call. */
  readonly callers: readonly number[];
  /** Times that everything is measured; results are medians of these. */
  readonly rounds: number;
  /** Keys to choose from, uniformly. */
  readonly keys: number;
  /** Bytes of a value. */
  readonly valueSize: number;
  /** Sizes that the data files are formatted with. */
  readonly size: 'default' | 'dev';
  readonly etcd: boolean;
  /** Connections to etcd's leader, over which the callers are spread. */
  readonly etcdChannels: number;
  /** Folder for V8 CPU profiles of the replicas and their client, or null. */
  readonly profileDirectory: string | null;
}

export const USAGE = `npm run bench -- [options]

  --seconds N        measured seconds of each load (3)
  --warmup N         seconds of load before each measurement (1)
  --callers N,N      numbers of concurrent callers (1,64,1000)
  --operations LIST  of put, get (linearizable) and get_local (etcd: serializable) (put)
  --rounds N         times that everything is measured; medians are reported (5)
  --keys N           random keys to choose from (100000)
  --value-size N     bytes of a value (256)
  --size NAME        sizes of the data files: default or dev (default)
  --no-etcd          measure Kimberlite alone
  --etcd-channels N  connections to etcd's leader (1)
  --profile DIR      write CPU profiles of the replicas and their client to DIR

Prints JSON on standard output and a table on standard error.`;

/** Reads the command line; a text says what is wrong with it. */
export function parseOptions(args: readonly string[]): BenchOptions | string {
  let values: Readonly<Record<string, string | boolean | undefined>>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: '3' },
        warmup: { type: 'string', default: '1' },
        callers: { type: 'string', default: '1,64,1000' },
        operations: { type: 'string', default: 'put' },
        rounds: { type: 'string', default: '5' },
        keys: { type: 'string', default: '100000' },
        'value-size': { type: 'string', default: '256' },
        size: { type: 'string', default: 'default' },
        'no-etcd': { type: 'boolean', default: false },
        'etcd-channels': { type: 'string', default: '1' },
        profile: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return `${(error as Error).message}\n\n${USAGE}`; // SAFETY: parseArgs throws errors only.
  }
  if (values['help'] === true) return USAGE;
  const { size, profile } = values;
  const operations = String(values['operations']).split(',');
  const options: BenchOptions = {
    operations: OPERATIONS.filter((operation) => operations.includes(operation)),
    seconds: Number(values['seconds']),
    warmupSeconds: Number(values['warmup']),
    callers: String(values['callers']).split(',').map(Number),
    rounds: Number(values['rounds']),
    keys: Number(values['keys']),
    valueSize: Number(values['value-size']),
    size: size === 'dev' ? 'dev' : 'default',
    etcd: values['no-etcd'] !== true,
    etcdChannels: Number(values['etcd-channels']),
    profileDirectory: typeof profile === 'string' ? profile : null,
  };
  const counts = [...options.callers, options.rounds, options.keys, options.etcdChannels];
  const sound =
    options.operations.length === operations.length &&
    options.seconds > 0 &&
    options.warmupSeconds >= 0 &&
    counts.every((value) => Number.isSafeInteger(value) && value > 0) &&
    Number.isSafeInteger(options.valueSize) &&
    options.valueSize >= 0 &&
    (size === 'dev' || size === 'default');
  return sound ? options : `an option is out of its range\n\n${USAGE}`;
}
