import { mix128 } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { checkpointId } from '../../superblock/superblock.ts';
import { CheckpointedBackup } from '../../testing/checkpointed-backup.ts';
import { noteMissingBlock } from '../repair/block-repair.ts';
import { provenCheckpoint } from './checkpoint.ts';

// A checkpoint every 16 ops. What one releases is free for the next to write over, and that writes
// the lowest free addresses first: the metadata of checkpoint 16 lies where that of 48 is put.

describe('a block that rotted, when the next checkpoint is durable', () => {
  it('is missed no longer if that has nothing of it, and nothing is written in its place', () => {
    const backup = new CheckpointedBackup();
    const { harness } = backup;
    const { replica } = harness;
    backup.runTo(16);
    const released = backup.blockToGo();
    const bytes = backup.blockAt(released.address);
    noteMissingBlock(replica, released);
    backup.runTo(32);
    expect(replica.forest.tree.used.uses(released.address)).toBe(false);
    expect([...replica.missingBlocks.keys()]).toEqual([]);
    // Its room is another block's, when what it was comes from a peer at last.
    backup.runTo(48);
    expect(replica.forest.tree.used.uses(released.address)).toBe(true);
    const newer = backup.blockAt(released.address);
    expect(newer).not.toEqual(bytes);
    backup.deliverBlock(released, bytes);
    harness.settle();
    expect(backup.blockAt(released.address)).toEqual(newer);
  });

  it('is missed still if that has it too, and is mended', () => {
    const backup = new CheckpointedBackup();
    const { harness } = backup;
    const { replica } = harness;
    backup.runTo(16);
    const kept = backup.blockToStay();
    const bytes = backup.blockAt(kept.address);
    noteMissingBlock(replica, kept);
    backup.runTo(32);
    expect(replica.forest.tree.used.uses(kept.address)).toBe(true);
    expect([...replica.missingBlocks.keys()]).toEqual([kept.address]);
    backup.deliverBlock(kept, bytes);
    expect(harness.waiting).toContain('write_blocks');
    harness.settle();
    expect(replica.missingBlocks.size + replica.repairingBlocks.size).toBe(0);
  });
});

describe('a block that comes from a peer', () => {
  it('is not written while the superblock moves on to a checkpoint, and is asked for again', () => {
    const backup = new CheckpointedBackup();
    const { harness } = backup;
    const { replica } = harness;
    backup.runTo(16);
    const [released, kept] = [backup.blockToGo(), backup.blockToStay()];
    for (const block of [released, kept]) noteMissingBlock(replica, block);
    backup.runTo(32, 'write_superblock');
    expect(replica.checkpointing).toMatchObject({ record: { op: 32 }, sealed: true });
    harness.take('requestBlocks');
    for (const block of [released, kept]) {
      backup.deliverBlock(block, backup.blockAt(block.address));
    }
    // A write that hung now would end when the room is the next checkpoint's, and over its block.
    expect(harness.waiting).not.toContain('write_blocks');
    harness.settle();
    expect(replica).toMatchObject({ checkpoint: { op: 32 }, checkpointing: null });
    expect([...replica.missingBlocks.keys()]).toEqual([kept.address]);
    harness.tick(200);
    expect(harness.take('requestBlocks').length).toBeGreaterThan(0);
    backup.deliverBlock(kept, backup.blockAt(kept.address));
    harness.settle();
    expect(replica.missingBlocks.size + replica.repairingBlocks.size).toBe(0);
  });

  it('keeps no checkpoint from beginning while it is written: that writes elsewhere', () => {
    const backup = new CheckpointedBackup();
    const { harness } = backup;
    const { replica } = harness;
    backup.runTo(16);
    const kept = backup.blockToStay();
    noteMissingBlock(replica, kept);
    backup.deliverBlock(kept, backup.blockAt(kept.address));
    expect(harness.waiting).toEqual(['write_blocks']);
    backup.runTo(33, 'write_blocks');
    expect(replica).toMatchObject({ commitMin: 33, checkpointing: { record: { op: 32 } } });
    expect([...replica.repairingBlocks]).toEqual([kept.address]);
    harness.settle();
    expect(replica).toMatchObject({ checkpoint: { op: 32 }, checkpointing: null });
    expect(harness.restart().traced('corrupt')).toEqual([]);
  });
});

describe('the checkpoint that others are given', () => {
  it('is the one before the newest until an op above its deadline is committed', () => {
    const backup = new CheckpointedBackup();
    const { replica } = backup.harness;
    backup.runTo(32);
    const first = provenCheckpoint(replica);
    expect(first.op).toBe(16);
    backup.runTo(48);
    // Of an older one nothing is left to be given.
    const second = provenCheckpoint(replica);
    expect(second).toMatchObject({ op: 32, parentId: checkpointId(first, mix128) });
    expect(replica.superblock.durable.checkpointPrevious).toEqual(second);
    backup.runTo(57);
    expect(provenCheckpoint(replica)).toEqual(replica.checkpoint);
    expect(replica.checkpoint.op).toBe(48);
  });
});
