import type { Command } from 'commander';
import { withMachine } from '../cluster/machine-module.ts';
import { clusterId, natural, positive, withConnection } from '../connection-options.ts';
import { usageError } from '../fault.ts';
import type { Io } from '../io.ts';
import { recoverFromSurvivor, type SurvivorFlags } from '../survivor/recover-survivor.ts';
import { type RecoverFlags, recoverMember } from './recover-member.ts';

/** Of one of the two forms alone. */
const OF_MEMBER = ['dataFile', 'replica'] as const;
const OF_SURVIVOR = [
  ...(['into', 'newCluster', 'replicas', 'peers', 'yesILose', 'dryRun', 'stateMachine'] as const),
];

/** Adds recover. */
export function addRecoverCommand(program: Command, io: Io): void {
  withMachine(withConnection(program.command('recover'), '; none with --from-survivor'))
    .description('Make the file of a member whose own is lost, or a new cluster of what is left.')
    .option(
      '--data-file <path>',
      'where to make it; nothing may be there but what an interrupted one has left',
    )
    .option('--replica <slot>', 'which replica of the cluster, from 0', natural)
    .option('--http <list>', 'HTTP ports of the replicas (default: each client port + 2)')
    .option('--from-survivor <path>', 'make a new cluster of the file of this stopped replica')
    .option('--into <directory>', 'where to make its files (default: beside the survivor)')
    .option('--new-cluster <id>', 'number of the new cluster (default: random)', clusterId)
    .option('--replicas <n>', 'replicas of the new cluster (default: as before)', positive)
    .option('--peers <list>', 'peer ports of the old cluster (default: each client port + 1)')
    .option('--yes-i-lose <id>', 'confirms, by the number of the old cluster', clusterId)
    .option('--dry-run', 'say what would be kept and lost, and change nothing')
    .addHelpText(
      'after',
      `
With --data-file, from the running others: the cluster writes into its log that the new file is the
member's, and that the lost one, should it turn up again, is not: destroy it. The file is empty; the
replica fetches its state when it is started. Refused while the member runs, and while the others
are no healthy quorum. The file is made before the cluster is asked: what keeps it from being made
changes nothing. When it was interrupted after that, run it again with the same flags.

With --from-survivor, when a majority is lost for good: makes the files of a new cluster from what
one stopped replica has. Says what is kept and what may be lost, is refused while any member of
--endpoints answers (which must name all of the old cluster), and wants to be confirmed. The
survivor's file is not changed.

Examples:
  kimberlite recover --data-file /var/lib/kimberlite/1.data --replica 1
  kimberlite recover --from-survivor /var/lib/kimberlite/2.data --dry-run
  kimberlite recover --from-survivor /var/lib/kimberlite/2.data --endpoints a:7100,b:7100,c:7100`,
    )
    .action(async (flags: RecoverFlags | SurvivorFlags) => {
      assertOneForm(flags);
      if ('fromSurvivor' in flags) await recoverFromSurvivor(flags, io);
      else await recoverMember(flags, io);
    });
}

/** Options of the other form would be ignored, and whoever gave them meant something. */
function assertOneForm(flags: RecoverFlags | SurvivorFlags): void {
  const survivor = 'fromSurvivor' in flags;
  const foreign = (survivor ? OF_MEMBER : OF_SURVIVOR).find((name) => name in flags);
  const spelled = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
  if (foreign !== undefined) {
    const form = survivor ? 'does not go with' : 'goes only with';
    throw usageError(`--${spelled(foreign)} ${form} --from-survivor`);
  }
  const missing = survivor ? undefined : OF_MEMBER.find((name) => !(name in flags));
  if (missing !== undefined) {
    throw usageError(`--${spelled(missing)} is missing (or --from-survivor)`);
  }
}
