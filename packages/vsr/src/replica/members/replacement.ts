import { OPERATION_RECOVER, readBatch } from '../../message/batch.ts';
import type { PrepareMessage } from '../../message/message.ts';
import { decodeRecovery } from '../../message/recover-body.ts';
import type { Op } from '../../std/numbers.ts';
import { fileOf } from '../../superblock/introductions.ts';
import type { Replica } from '../replica.ts';

/*
 * Rule recover-by-op, between the op that replaces a lost file and the new file's first word. Each
 * replica takes the new file for the member's when it executes the op, or when two peers tell of
 * it (told-files.ts). So for a while some count the lost file, should it come back to life, and
 * others the new one: two voters in one slot, and two quorums that need not meet. Five things keep
 * them apart.
 *
 * - The op, and what follows it in the pipeline, is committed without the lost file's copies.
 * - The new file says nothing before a replication quorum of the others has executed the op and
 *   says so; whoever counts the lost file for a view change counts the slot of one of those too.
 * - Who has only heard of the op from others does not say so. Otherwise two new files could vouch
 *   for each other, beside a quorum that neither of the two lost ones ever met; or an old copy of
 *   a member's file could, which the newest one knows nothing of.
 * - A new file knows from birth which others were replaced before it. Otherwise it would be less
 *   of a witness than the file that stood in its slot when it vouched for another.
 * - Each do_view_change tells which files its author knows, and a new primary counts no two of
 *   which one takes the other's file for replaced.
 *
 * So no quorum of a view change holds a lost file whose successor has spoken. Take the successor
 * that spoke first, of all files in the quorum that are lost: one slot of the quorum is that of a
 * replica that had executed its op. If the same file speaks there now, or a newer one, it knows,
 * and the two are not counted together; and an older one is itself a lost file whose successor
 * spoke earlier.
 */

/** Primary: remembers whose files an op of its pipeline replaces, if it does. */
export function noteReplacement(r: Replica, { header, body }: PrepareMessage): void {
  const { replacing } = r.primary;
  for (const entry of readBatch(body, header.count) ?? []) {
    const recovery = entry.operation === OPERATION_RECOVER ? decodeRecovery(entry.body) : null;
    if (recovery === null) continue;
    const { slot, incarnation } = recovery;
    // The file that an earlier one of them names is replaced by the later one.
    const pending = (replacing.get(slot) ?? []).filter((op) => op > r.commitMin);
    // Asked again, or known before it is executed here: only the new file is heard. Not counted, it
    // would be missing where the others are just enough with it, until all of them are back.
    const isKnown = fileOf(r.introductions, slot).incarnation === incarnation;
    if (!isKnown || pending.length > 0) replacing.set(slot, [...pending, header.op]);
  }
}

/**
 * Primary: whether an op that is not executed yet, `op` or one below, replaces the file of this
 * slot. From that op on the word of the file that it had so far is worth nothing.
 */
export function isBeingReplaced(r: Replica, slot: number, op: Op): boolean {
  const ops = r.primary.replacing.get(slot) ?? [];
  return ops.some((replacedAt) => replacedAt <= op && replacedAt > r.commitMin);
}
