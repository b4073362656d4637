import { type MachineIdentity, machineIdentityOf } from '@kimberlite/vsr';
import { sha256 } from '../checksum.ts';
import { makeFault, type ServerFault } from '../errors.ts';

/** Of a file that a restore or a verification has not finished (replayMachineOf). */
export const REPLAY_NAME = 'kimberlite.replay';

/**
 * Of a file that `recover` has made, before the cluster has taken it for the member's. Nothing runs
 * on it, so it is a name alone.
 */
export const RECOVERY_MACHINE: MachineIdentity = machineIdentityOf(
  { name: 'kimberlite.recovery', tables: [] },
  sha256,
);

const RECOVER_AGAIN =
  'Nothing was touched. Run `kimberlite recover` again with the same flags: it makes this file ' +
  'anew. The file that the member had before may not count any more.';

/** Whether it is the name of a machine which no replica runs: its files were not finished. */
export function isUnfinishedName(name: string): boolean {
  return name === REPLAY_NAME || name === RECOVERY_MACHINE.name;
}

/** What refuses a file of such a machine; null for every other name. */
export function unfinishedFault(path: string, name: string): ServerFault | null {
  if (!isUnfinishedName(name)) return null;
  const was = `${path} was left by a`;
  return name === REPLAY_NAME
    ? makeFault('data_file_unfinished', `${was} restore that was interrupted`)
    : makeFault('data_file_unfinished', `${was} \`recover\` that was interrupted`, RECOVER_AGAIN);
}
