import { createKernel } from '@kimberlite/kernel';
import { sha256 } from '@kimberlite/server';
import {
  CORE_TABLES,
  inspectTree,
  type MachineIdentity,
  type TableOptions,
  type TreeContent,
  type TreeFault,
} from '@kimberlite/vsr';
import { KERNEL_MACHINE } from '../cluster/kernel-machine.ts';
import type { DataFileReader } from './data-file-reader.ts';

/** Every table of a replica that runs the kernel, by id. */
const TABLES: ReadonlyMap<number, TableOptions> = new Map(
  [...CORE_TABLES, ...createKernel().tables].map((table) => [table.id, table]),
);

/** Ids of the tables that a state of this machine may have; of another one's nothing is known. */
export function tablesOf(machine: MachineIdentity): Pick<ReadonlySet<number>, 'has'> {
  return machine.id === KERNEL_MACHINE.id ? TABLES : { has: () => true };
}

/** Looks at every block of the checkpoint; null where not even its metadata can be read. */
export function readTree(
  file: DataFileReader,
  listener: {
    readonly onFault: (fault: TreeFault) => void;
    readonly onBlock: (address: number, total: number) => void;
  },
): TreeContent | null {
  return inspectTree(file.chosen.state.checkpoint.forestRoot, {
    format: { checksum: sha256, blockSize: file.config.blockSize },
    tables: tablesOf(file.chosen.state.identity.machine),
    read: (address) => readBlock(file, address),
    ...listener,
  });
}

/** The block at an address, or null when it can't be read. */
export function readBlock(file: DataFileReader, address: number): Uint8Array | null {
  const { blockSize } = file.config;
  return file.readWhole('blocks', (address - 1) * blockSize, blockSize);
}
