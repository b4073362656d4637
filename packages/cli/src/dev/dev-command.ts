import { resolve as resolvePath } from 'node:path';
import { VOTERS_MAX } from '@kimberlite/vsr';
import type { Command } from 'commander';
import { natural, positive } from '../connection-options.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { usageError } from '../fault.ts';
import type { Io } from '../io.ts';
import { outliveOutput } from '../output-faults.ts';
import { type SizeName, sizeOption } from '../replica/format-command.ts';
import { signalled } from '../replica/signals.ts';
import { DevRun } from './dev-run.ts';

interface DevFlags {
  readonly replicas: number;
  readonly data: string;
  readonly basePort: number;
  readonly size?: SizeName;
  readonly readyTimeout: number;
}

const PORT_MAX = 65_535;

/** Adds dev. */
export function addDevCommand(program: Command, io: Io, setExitCode: (code: number) => void): void {
  program
    .command('dev')
    .description('Run a whole cluster on this machine, one process a replica, for development.')
    .option('--replicas <n>', 'replicas: 1, 3 or 5 make sense', positive, 3)
    .option('--data <dir>', 'where data files, logs and endpoints.json go', './data')
    .option('--base-port <port>', 'replica n uses port + 10n, + 1, + 2; 0: any free', natural, 7100)
    .addOption(sizeOption('sizes of new data files (default: dev)'))
    .option('--ready-timeout <seconds>', 'give up when no write commits in time', positive, 60)
    .addHelpText(
      'after',
      `
Formats data files that were never there, takes over those that backup restore or recover
--from-survivor have made (all replicas of one cluster), and prints a line that begins with 'ready'
once a write has committed. SIGINT or SIGTERM stops every replica. A replica that ends by itself is
reported and not restarted; the others go on while they are a quorum. Exit code 7 when that
happened. A data file that is lost is not made anew: a quorum of the others is started, and the
commands that bring the lost replica back are printed.

Examples:
  kimberlite dev
  kimberlite dev --replicas 1 --data /tmp/k1
  kimberlite dev --base-port 0 --data ./data   # then read ./data/endpoints.json`,
    )
    .action(async (flags: DevFlags) => {
      const { replicas, basePort } = flags;
      if (replicas > VOTERS_MAX) throw usageError(`--replicas is 1 to ${VOTERS_MAX}`);
      if (basePort + 10 * replicas > PORT_MAX) throw usageError('--base-port is too high');
      outliveOutput();
      const stop = signalled({ withParent: process.connected, forceOnSecond: true });
      const run = new DevRun({
        io,
        replicas,
        basePort,
        directory: resolvePath(flags.data),
        shownDirectory: flags.data,
        size: flags.size ?? null,
        readyMillis: flags.readyTimeout * 1000,
      });
      try {
        await run.start(stop);
        await Promise.race([stop, run.allEnded()]);
      } finally {
        await run.stop();
      }
      io.writeError(await run.closingText());
      if (run.anyEndedByItself()) setExitCode(EXIT_CODES.replica_ended.code);
    });
}
