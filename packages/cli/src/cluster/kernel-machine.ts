import { createKernel } from '@kimberlite/kernel';
import { sha256 } from '@kimberlite/server';
import { type MachineIdentity, machineIdentityOf } from '@kimberlite/vsr';

/** The state machine that this program runs. */
export const KERNEL_MACHINE: MachineIdentity = machineIdentityOf(createKernel(), sha256);
