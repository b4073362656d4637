import { describe, expect, it } from 'vitest';
import { CheckpointedBackup } from '../../testing/checkpointed-backup.ts';
import { startViewOf } from '../../testing/lead.ts';
import { extendChain } from '../../testing/log-fixture.ts';
import { query } from '../../testing/read-fixture.ts';
import { checkpointAt } from '../../testing/wal-disk.ts';

describe('a state transfer', () => {
  it('waits for what is being read of the state that it replaces', () => {
    const backup = new CheckpointedBackup();
    backup.runTo(20);
    const harness = backup.harness.restart();
    harness.deliver(query('local'));
    expect(harness.waiting).toEqual(['read_block']);
    // The primary of view 2 is further than a ring ahead, and checkpoint 48 is on a quorum.
    const chain = extendChain(backup.log, 40, { view: 2 });
    const checkpoint = checkpointAt(48);
    harness.deliver(startViewOf({ slot: 2, view: 2 }, chain, { commit: 58, checkpoint }));
    harness.tick();
    expect(harness.traced('sync_started')).toEqual([]);
    // What it finds may be written over by now: it is of no use to the state that comes.
    harness.complete('read_block');
    expect(harness.traced('sync_started')).toMatchObject([{ target: 48 }]);
  });
});
