import { CORE_TABLES, type TreeFault } from '@kimberlite/vsr';
import type { Workload } from '../workload/workload.ts';
import { check } from './violation.ts';

/** What a disk is asked. */
interface CheckpointDisk {
  superblock(): string | { readonly checkpoint: { readonly op: number } };
  checkpointFault(tables: ReadonlySet<number>): TreeFault | null;
}

/** Ids of the tables that a checkpoint may have. */
export function checkpointTables(workload: Workload): ReadonlySet<number> {
  const tables = [...CORE_TABLES, ...workload.stateMachine().tables];
  return new Set(tables.map(({ id }) => id));
}

/**
 * A replica that stands for a checkpoint has written every block of it to its disk. One that
 * lacks some would ask its peers for them when it needs them, and nobody would notice until the
 * peers are gone. What a fault took after it was written is not its fault.
 */
export class WholeCheckpoint {
  private readonly disks: readonly CheckpointDisk[];
  private readonly tables: ReadonlySet<number>;

  constructor(disks: readonly CheckpointDisk[], tables: ReadonlySet<number>) {
    this.disks = disks;
    this.tables = tables;
  }

  /** The replica says that it has the checkpoint of `op`, which it made or took over. */
  onCheckpoint(slot: number, op: number): void {
    const disk = this.disks[slot];
    const superblock = disk?.superblock() ?? 'not_found';
    // A superblock that a fault has taken tells nothing.
    if (typeof superblock === 'string' || superblock.checkpoint.op !== op) return;
    const fault = disk?.checkpointFault(this.tables) ?? null;
    check(
      'whole_checkpoint',
      fault === null,
      () => `replica ${slot} stands for checkpoint ${op}: ${fault?.address}: ${fault?.problem}`,
    );
  }
}
