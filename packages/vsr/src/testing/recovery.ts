import { present } from '@kimberlite/store';
import { CONFIG_SIMULATION } from '../config.ts';
import { type RecoveredLog, recoverLog } from '../journal/recover.ts';
import type { PrepareMessage } from '../message/message.ts';
import type { SuperblockState } from '../superblock/superblock.ts';
import { superblockFixture, WalDisk } from './wal-disk.ts';

const SLOTS = CONFIG_SIMULATION.walSlots;

/** A disk on which all of `chain` was acknowledged. */
export function diskWith(chain: readonly PrepareMessage[]): WalDisk {
  const disk = new WalDisk(SLOTS);
  for (const message of chain.slice(1)) disk.acknowledge(message);
  return disk;
}

/** What start-up makes of the disk; null when a single replica refuses. */
export function tryRecover(
  disk: WalDisk,
  superblock: SuperblockState = superblockFixture(),
  solo = false,
): RecoveredLog | null {
  return recoverLog(disk.reads(), {
    config: CONFIG_SIMULATION,
    superblock,
    solo,
    writesMax: solo ? 1 : CONFIG_SIMULATION.pipelineMax,
  });
}

/** The same for a replica with peers. */
export function recover(disk: WalDisk, superblock?: SuperblockState): RecoveredLog {
  return present(tryRecover(disk, superblock));
}

/** What was found in the slot of `op`. */
export function slotOf(log: RecoveredLog, op: number): RecoveredLog['slots'][number] {
  return present(log.slots[op % SLOTS]);
}
