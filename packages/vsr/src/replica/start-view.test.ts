import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import type { Message, PrepareMessage } from '../message/message.ts';
import { startViewOf } from '../testing/lead.ts';
import { chainOf, extendChain } from '../testing/log-fixture.ts';
import { ReplicaHarness } from '../testing/replica-harness.ts';
import { checkpointAt } from '../testing/wal-disk.ts';

/** The log of view 2: ops 1 to 30 of view 0, then two of its own. */
const LOG = extendChain(above(chainOf(8)), 2, { view: 2 });

/** Up to op 30: ops above the deadline name the checkpoint of format. */
function above(chain: readonly PrepareMessage[]): PrepareMessage[] {
  const { checkpointId } = new ReplicaHarness({ slot: 1 }).start().replica;
  return extendChain(chain, 22, { checkpointId });
}

/** What the primary of view 2 tells when its head is `op`: checkpoint 16 is on a quorum. */
function viewTwo(op: number): Message<'startView'> {
  const chain = LOG.slice(0, op + 1);
  return startViewOf({ slot: 2, view: 2 }, chain, { commit: 26, checkpoint: checkpointAt(16) });
}

/**
 * A backup of view 2 that lacks ops 21 to 25, which no peer gives it any more: its commits are
 * stuck, so that it would take over a checkpoint. Its head is op 31.
 */
function stuckBackup(): ReplicaHarness {
  const harness = new ReplicaHarness({ slot: 1 }).start();
  for (const message of LOG.slice(1, 21)) harness.deliver(message);
  harness.settle();
  harness.deliver(viewTwo(30));
  harness.deliver(present(LOG[31]));
  harness.settle('write_superblock');
  harness.tick(400);
  expect(harness.replica).toMatchObject({ status: 'normal', view: 2, op: 31, commitMin: 0 });
  return harness;
}

describe('a stuck backup', () => {
  it('takes over the checkpoint of a start_view that has its whole log', () => {
    const harness = stuckBackup();
    harness.settle();
    harness.deliver(viewTwo(31));
    expect(harness.replica).toMatchObject({ status: 'normal', view: 2, op: 31, commitMin: 16 });
    expect(harness.traced('sync_started')).toMatchObject([{ op: 0, target: 16 }]);
  });

  it('does not move its head back for the start_view with which its view began', () => {
    const harness = stuckBackup();
    harness.settle();
    harness.deliver(viewTwo(30));
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'normal', view: 2, op: 31, commitMin: 0 });
    expect(harness.traced('sync_started')).toEqual([]);
    expect(harness.traced('dropped').at(-1)).toMatchObject({ reason: 'known_view' });
  });

  it('lets go a start_view that its log outgrew while it waited for the disk', () => {
    const harness = stuckBackup();
    expect(harness.waiting).toContain('write_superblock');
    harness.deliver(viewTwo(31));
    harness.deliver(present(LOG[32]));
    harness.settle();
    expect(harness.replica).toMatchObject({ status: 'normal', view: 2, op: 32, commitMin: 0 });
    expect(harness.traced('sync_started')).toEqual([]);
    // One that has it all comes later.
    harness.deliver(viewTwo(32));
    expect(harness.replica).toMatchObject({ op: 32, commitMin: 16 });
  });
});
