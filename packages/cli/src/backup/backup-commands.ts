import type { Command } from 'commander';
import { withMachine } from '../cluster/machine-module.ts';
import {
  clusterId,
  natural,
  type OutputFlags,
  positive,
  withConnection,
  withOutput,
} from '../connection-options.ts';
import type { Io } from '../io.ts';
import { type CreateFlags, createBackup } from './create-backup.ts';
import {
  type RestoreFlags,
  restoreBackup,
  type VerifyFlags,
  verifyBackup,
} from './restore-backup.ts';

/** Adds backup create, verify and restore. */
export function addBackupCommands(program: Command, io: Io): void {
  const backup = program
    .command('backup')
    .description('Take a backup of a running cluster, verify one, restore one as a new cluster.')
    .addHelpText(
      'after',
      `
Examples:
  kimberlite backup create today.backup
  kimberlite backup verify today.backup
  kimberlite backup restore today.backup --into restored`,
    );
  addCreate(backup, io);
  addVerify(backup, io);
  addRestore(backup, io);
}

function addCreate(backup: Command, io: Io): void {
  withConnection(backup.command('create'))
    .description('Write all that the cluster holds now to FILE, from a replica that goes on.')
    .argument('<file>')
    .option('--http <list>', 'HTTP ports of replicas (default: each client port + 2)')
    .option('--at-least-op <op>', 'the backup must hold this op', natural)
    .option('--without-quorum', 'take what there is, though acknowledged writes may be missing')
    .addHelpText(
      'after',
      `
Run it on the machine of a replica: backups are given to programs there only. Of several replicas a
backup of the cluster is asked first, and the next one where one fails. FILE holds every write that
was acknowledged before the command began, as far as the replicas that answered have heard, up to
the op that is printed. It is verified before it gets its name; until then it is FILE.partial, and
a FILE that is there is never touched. --timeout limits how long is waited until a replica begins,
of all that are asked together. Exit code 4 when no replica gives one, 9 when none of those
that answer hears a quorum: what was acknowledged without them would be missing, and
--without-quorum, for a disaster, takes what there is.

Examples:
  kimberlite backup create /var/backups/kimberlite-$(date +%F).backup
  kimberlite backup create today.backup --http 127.0.0.1:7102 -o json`,
    )
    .action((file: string, flags: Omit<CreateFlags, 'file'>) => {
      return createBackup({ ...flags, file }, io);
    });
}

function addVerify(backup: Command, io: Io): void {
  withMachine(withOutput(backup.command('verify')))
    .description('Restore FILE to a temporary data file and check everything in it.')
    .argument('<file>')
    .option('--scratch <directory>', 'where the temporary file is made (default: of the system)')
    .addHelpText(
      'after',
      `
Hashes every byte, follows every block from the root of the checkpoint and every op along its hash
chain, executes the log, and checks the data file that comes of it. Needs room for two data files.
Exit code 8 when FILE is damaged, 38 when it is of another state machine.

Examples:
  kimberlite backup verify today.backup
  kimberlite backup verify today.backup --scratch /var/tmp -o json`,
    )
    .action((file: string, flags: VerifyFlags & OutputFlags) => verifyBackup(file, flags, io));
}

function addRestore(backup: Command, io: Io): void {
  withMachine(withOutput(backup.command('restore')))
    .description('Make the data files of a new cluster that begins with what FILE holds.')
    .argument('<file>')
    .requiredOption('--into <directory>', 'where replica-0.data, replica-1.data... are made')
    .option('--replicas <count>', 'size of the new cluster (default: as it was)', positive)
    .option('--new-cluster <id>', 'its number (default: random)', clusterId)
    .addHelpText(
      'after',
      `
The new cluster has a number of its own, so that no client, session or replica of the old one is
taken for its own: caches must be emptied. FILE is verified first and not changed; a data file that
is there is never touched. Start each replica with its own file as usual.

Examples:
  kimberlite backup restore today.backup --into /var/lib/kimberlite/restored
  kimberlite backup restore today.backup --into ./restored --replicas 1
  kimberlite backup restore today.backup --into ./restored --state-machine ./my-machine.js`,
    )
    .action((file: string, flags: RestoreFlags & OutputFlags) => restoreBackup(file, flags, io));
}
