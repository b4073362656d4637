import { mix128, present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../../config.ts';
import { formatReplica, recoveredFile, rootPrepare } from '../../format.ts';
import { SLOT_COUNT } from '../../membership.ts';
import { encodeHeaderList, logHeaderOf } from '../../message/header-list.ts';
import { encodeKnownFiles, UNKNOWN_FILE } from '../../message/known-files.ts';
import { HEADER_SIZE } from '../../message/layout.ts';
import type { Message, PrepareMessage } from '../../message/message.ts';
import { Op, View } from '../../std/numbers.ts';
import {
  CHECKPOINT_RECORD_SIZE,
  type CheckpointRecord,
  encodeCheckpoint,
} from '../../superblock/superblock.ts';
import { FIXTURE_MACHINE } from '../../testing/counter-machine.ts';
import { DataFile } from '../../testing/data-file.ts';
import { startViewOf } from '../../testing/lead.ts';
import { chainOf, extendChain, FIXTURE_CLUSTER } from '../../testing/log-fixture.ts';
import { fromPeer, greeting, ReplicaHarness } from '../../testing/replica-harness.ts';
import { checkpointAt } from '../../testing/wal-disk.ts';
import { provenCheckpoint } from '../checkpoint/checkpoint.ts';

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

describe('a file that is recovered in a restored cluster', () => {
  /** All files of the cluster were made with a checkpoint at this op; I = 16, D = 8, 32 slots. */
  const BORN = 64;
  const root = rootPrepare(FIXTURE_CLUSTER, mix128, Op(BORN));
  const born = { ...checkpointAt(BORN), prepareChecksum: root.header.checksum };

  /** Slot 2, which knows its peers and has nothing yet. */
  function recovered(): ReplicaHarness {
    const answer = { since: Op(BORN + 1), files: [] };
    const made = { slot: 2, incarnation: 77n, recovered: answer, view: View(1) };
    const contents = formatReplica({
      config: CONFIG_SIMULATION,
      machine: FIXTURE_MACHINE,
      cluster: FIXTURE_CLUSTER,
      replicaCount: 3,
      checksum: mix128,
      slot: 2,
      ...recoveredFile(made),
    });
    const file = new DataFile(CONFIG_SIMULATION, contents);
    const harness = new ReplicaHarness({ slot: 2, introduced: false, file }).start();
    const known = { pingIncarnation: 77n, knownIncarnation: 77n, knownSince: Op(BORN + 1) };
    const first = { incarnation: 9n, since: Op(BORN) };
    const files = Array.from({ length: SLOT_COUNT }, (_, slot) =>
      slot < 2 ? first : UNKNOWN_FILE,
    );
    for (const slot of [0, 1]) {
      const { view: _, ...answer } = greeting(slot, known).header;
      harness.deliver(fromPeer({ slot, view: 1 }, 'pong', answer, encodeKnownFiles(files)));
      harness.settle();
    }
    return harness;
  }

  /** The primary of view 33 tells its log: so many ops above the checkpoint, all committed. */
  function told(record: CheckpointRecord, more: number): Message<'startView'> {
    const log = extendChain([root], more, { view: 33 });
    return startViewAt(Op(BORN + more), log, { record, commit: Op(BORN + more) });
  }

  it.each([1, 8, 9])('takes over what all were made with, %i ops above it', (more) => {
    const harness = recovered();
    harness.deliver(told(born, more));
    harness.settle();
    expect(harness.traced('sync_started')).toMatchObject([{ target: BORN }]);
    expect(harness.replica).toMatchObject({ status: 'normal', view: 33, op: BORN + more });
  });

  it('gives others what it took over, and not what was before, of which it has nothing', () => {
    const harness = recovered();
    harness.deliver(told(born, 1));
    harness.settle();
    // Nothing above the deadline is committed in the life of this cluster: no proof but its birth.
    expect(harness.replica.commitMax).toBe(BORN + 1);
    expect(provenCheckpoint(harness.replica)).toEqual(born);
    expect(provenCheckpoint(harness.restart().replica)).toEqual(born);
  });

  it('waits for proof of any other checkpoint', () => {
    const harness = recovered();
    harness.deliver(told(checkpointAt(BORN), 8));
    harness.settle();
    expect(harness.traced('sync_started')).toEqual([]);
    harness.deliver(told(checkpointAt(BORN), 9));
    harness.settle();
    expect(harness.traced('sync_started')).toMatchObject([{ target: BORN }]);
  });
});

function startViewAt(
  op: Op,
  log: readonly PrepareMessage[],
  { record, commit }: { readonly record: CheckpointRecord; readonly commit: Op },
): Message<'startView'> {
  const headers = log.slice(-5).map(logHeaderOf).reverse();
  const body = new Uint8Array(CHECKPOINT_RECORD_SIZE + headers.length * HEADER_SIZE);
  body.set(encodeCheckpoint(record));
  body.set(encodeHeaderList(headers), CHECKPOINT_RECORD_SIZE);
  const fields = { nonce: 0n, op, commit, checkpointOp: record.op };
  return fromPeer({ slot: 1, view: 33 }, 'startView', fields, body);
}
