import { assert } from '@kimberlite/store';
import type { ClusterConfig } from '../config.ts';
import type { MachineIdentity } from '../machine-identity.ts';
import type { LogHeader } from '../message/header-list.ts';
import { isReplacingState } from '../replica/checkpoint/sync.ts';
import type { Replica } from '../replica/replica.ts';
import { Op, opNext, type View } from '../std/numbers.ts';
import type { CheckpointRecord } from '../superblock/superblock.ts';

/**
 * A state that can be read off a disk: a durable checkpoint, and the committed log above it. Both
 * are facts that nothing changes any more; what may change is whether they still stand there.
 */
export interface BackupPoint {
  readonly cluster: bigint;
  readonly config: ClusterConfig;
  readonly machine: MachineIdentity;
  readonly slot: number;
  readonly replicaCount: number;
  /** Of the data file that it is read from. */
  readonly incarnation: bigint;
  readonly view: View;
  readonly logView: View;
  readonly checkpoint: CheckpointRecord;
  /** Addresses of all blocks of the checkpoint, as a free set encodes them. */
  readonly used: Uint8Array;
  /** Headers of the ops above the checkpoint, ascending; the last one is the op of the backup. */
  readonly log: readonly LogHeader[];
}

/** Why there is no such state now: wait and ask again, or ask another replica. */
export type BackupRefusal =
  /** It has not opened its file, or reads its log. */
  | 'recovering'
  /** Its checkpoint is not all there. */
  | 'syncing'
  /** Blocks of its checkpoint are being mended. */
  | 'repairing'
  /** The ops that are asked for are not committed or not on its disk. */
  | 'behind';

/** What a backup begun now would hold: every op up to `atLeast`, at least. Changes nothing. */
export function backupPointOf(r: Replica, atLeast: number): BackupPoint | BackupRefusal {
  if (!r.opened || r.status === 'recovering') return 'recovering';
  if (!r.restored || isReplacingState(r)) return 'syncing';
  // A block that is being written again is neither the old one nor the new one now.
  if (r.missingBlocks.size > 0 || r.repairingBlocks.size > 0) return 'repairing';
  const log: LogHeader[] = [];
  for (let op = opNext(r.checkpoint.op); op <= r.commitMin; op = opNext(op)) {
    // The primary commits on the word of others while its own write is on its way.
    const entry = r.journal.isDurable(op) ? r.journal.atRest(r.journal.slotOf(op)) : null;
    if (entry === null || entry === 'busy') break;
    assert(entry.header.op === op, 'the slot holds this op');
    log.push(entry);
  }
  const newest = log.at(-1)?.header.op ?? r.checkpoint.op;
  if (newest < atLeast) return 'behind';
  const { identity } = r.superblock.durable;
  return {
    cluster: r.cluster,
    config: r.config,
    machine: r.machine,
    slot: r.slot,
    replicaCount: r.replicaCount,
    incarnation: identity.incarnation,
    view: r.view,
    logView: r.logView,
    checkpoint: r.checkpoint,
    used: r.forest.tree.used.encode(),
    log,
  };
}

/** The newest op that a backup of this point holds. */
export function backupOp(point: Pick<BackupPoint, 'checkpoint' | 'log'>): Op {
  return point.log.at(-1)?.header.op ?? Op(point.checkpoint.op);
}
