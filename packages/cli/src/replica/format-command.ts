import { createKernel } from '@kimberlite/kernel';
import { formatDataFile } from '@kimberlite/server';
import { type ClusterConfig, CONFIG_DEFAULT, CONFIG_DEV, VOTERS_MAX } from '@kimberlite/vsr';
import { type Command, Option } from 'commander';
import {
  clusterId,
  natural,
  type OutputFlags,
  positive,
  withOutput,
} from '../connection-options.ts';
import { unwrap, usageError } from '../fault.ts';
import { type Io, writeJson } from '../io.ts';
import { otherName } from '../other-name.ts';

/** Sizes by name; chosen at format and never changed. */
export const SIZES: Readonly<Record<SizeName, ClusterConfig>> = {
  dev: CONFIG_DEV,
  default: CONFIG_DEFAULT,
};
export type SizeName = 'dev' | 'default';

interface FormatFlags extends OutputFlags {
  readonly dataFile: string;
  readonly cluster: bigint;
  readonly replica: number;
  readonly replicas: number;
  readonly size: SizeName;
  readonly stateBytesMax: number;
  readonly historyRevisions: number;
}

/** `--size`, for commands that make data files. */
export function sizeOption(what: string): Option {
  return new Option('--size <size>', what).choices(Object.keys(SIZES));
}

/** Adds format. */
export function addFormatCommand(program: Command, io: Io): void {
  otherName(withOutput(program.command('format')), '--replica-count', '--replicas')
    .description('Make the data file of a replica. Never touches a file that is there.')
    .requiredOption('--data-file <path>', 'where to make it')
    .requiredOption('--cluster <id>', 'number of the cluster, the same for all replicas', clusterId)
    .requiredOption('--replica <slot>', 'which replica of the cluster, from 0', natural)
    .option('--replicas <n>', 'replicas of the cluster', positive, 3)
    .addOption(sizeOption('sizes of the log: dev takes tens of megabytes').default('default'))
    .option('--state-bytes-max <bytes>', 'limit of keys and values, 0 for none', natural, 0)
    .option('--history-revisions <n>', 'older revisions that stay readable', natural, 0)
    .addHelpText(
      'after',
      `
All replicas of a cluster need the same --cluster, --replicas, --size, --state-bytes-max and
--history-revisions.
What would take the state above its limit is refused (no_space); reads and deletes go on.
With --history-revisions the newest n revisions can still be read (get --revision); without it only
the present can.

Example:
  kimberlite format --data-file /var/lib/kimberlite/0.data --cluster 7 --replica 0`,
    )
    .action(async (flags: FormatFlags) => {
      const { dataFile, cluster, replica, replicas, size, output } = flags;
      const { stateBytesMax, historyRevisions } = flags;
      if (replicas > VOTERS_MAX) throw usageError(`--replicas is 1 to ${VOTERS_MAX}`);
      if (replica >= replicas) {
        throw usageError(`--replica ${replica} is not below --replicas ${replicas}`);
      }
      if (cluster === 0n) throw usageError('--cluster 0 stands for no cluster; choose another');
      const made = unwrap(
        await formatDataFile({
          path: dataFile,
          config: { ...SIZES[size], stateBytesMax, historyRevisions },
          stateMachine: createKernel(),
          cluster,
          slot: replica,
          replicaCount: replicas,
        }),
      );
      if (output === 'json') {
        writeJson(io, {
          data_file: made.path,
          bytes: made.size,
          cluster,
          replica,
          replica_count: replicas,
          size,
          state_bytes_max: stateBytesMax,
          history_revisions: historyRevisions,
        });
      } else {
        const mebibytes = Math.round(made.size / (1024 * 1024));
        io.write(
          `formatted ${made.path} (${mebibytes} MiB) for replica ${replica} of cluster ${cluster}\n`,
        );
      }
    });
}
