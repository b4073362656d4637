import { describe, expect, it } from 'vitest';
import { noteMissingBlock } from '../replica/repair/block-repair.ts';
import { CheckpointedBackup } from '../testing/checkpointed-backup.ts';
import { backupOp, backupPointOf } from './backup-point.ts';

describe('a backup', () => {
  it('is not begun while a block of its checkpoint is missing or being written again', () => {
    const backup = new CheckpointedBackup();
    const { harness } = backup;
    const { replica } = harness;
    backup.runTo(20);
    const rotten = backup.blockToStay();
    noteMissingBlock(replica, rotten);
    expect(backupPointOf(replica, 20)).toBe('repairing');
    backup.deliverBlock(rotten, backup.blockAt(rotten.address));
    // It is not missed any more, but what a read finds there is the old bytes, the new ones, or
    // some of both: that write began before the backup, so it does not wait for its reads.
    expect(replica.missingBlocks.size).toBe(0);
    expect(harness.waiting).toEqual(['write_blocks']);
    expect(backupPointOf(replica, 20)).toBe('repairing');
    harness.settle();
    const point = backupPointOf(replica, 20);
    if (typeof point === 'string') throw new Error(point);
    expect(point.checkpoint.op).toBe(16);
    expect(backupOp(point)).toBe(20);
  });

  it('has only what is committed and on this disk', () => {
    const backup = new CheckpointedBackup();
    backup.runTo(20);
    expect(backupPointOf(backup.harness.replica, 21)).toBe('behind');
  });
});
