import { checkpointDeadline } from '../../config.ts';
import { Op } from '../../std/numbers.ts';
import type { Replica } from '../replica.ts';
import { isBackup } from '../role.ts';
import { askEveryone } from '../view-change/ask-view.ts';
import { isFarBehind } from './far-behind.ts';

/**
 * Backup with a wide gap: when a checkpoint newer than its own is provably on a quorum, it asks for
 * the start_view that brings it; otherwise the log is all there is, and repair asks for more ops in
 * each request, within the same budget (repair.ts).
 */
export function onRepairSyncTimeout(r: Replica): void {
  r.timers.start('repairSync');
  if (!isBackup(r) || r.pendingSync !== null || !isFarBehind(r, r.primaryOp)) return;
  const proven = provenAtPrimary(r);
  if (proven <= r.checkpoint.op || proven <= r.commitMin) return;
  if (!r.timers.isRunning('requestStartView')) askEveryone(r);
}

/** The newest checkpoint that the primary's commit number proves to be on a quorum. */
function provenAtPrimary(r: Replica): Op {
  const { checkpointInterval } = r.config;
  const above = r.primaryCommit - checkpointDeadline(r.config) - 1;
  return Op(Math.max(0, Math.floor(above / checkpointInterval) * checkpointInterval));
}
