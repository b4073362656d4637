import { createKernel } from '@kimberlite/kernel';
import { machineFault, sha256 } from '@kimberlite/server';
import { type MachineIdentity, machineIdentityOf } from '@kimberlite/vsr';
import { ofServerFault } from '../fault.ts';

/** The state machine that this program runs. */
export const KERNEL_MACHINE: MachineIdentity = machineIdentityOf(createKernel(), sha256);

/**
 * Throws CliError for what is of another state machine: to execute its log with the kernel would
 * come to another state, in which what was acknowledged is not.
 */
export function refuseOtherMachine(path: string, machine: MachineIdentity): void {
  const fault = machineFault(path, machine, KERNEL_MACHINE);
  if (fault !== null) throw ofServerFault(fault);
}
