import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../../config.ts';
import { OPERATION_REGISTER } from '../../message/batch.ts';
import { isCommand } from '../../message/message.ts';
import { Op, ZERO_CHECKSUM } from '../../std/numbers.ts';
import { OPERATION_ADD } from '../../testing/counter-machine.ts';
import { heartbeatOf } from '../../testing/lead.ts';
import { fixtureRoot, makeRequest, prepareAfter } from '../../testing/log-fixture.ts';
import { query } from '../../testing/read-fixture.ts';
import { ReplicaHarness } from '../../testing/replica-harness.ts';
import { rowMachine } from '../../testing/row-machine.ts';
import { sessionNumber } from '../execution/sessions.ts';
import { snapshotOf } from '../snapshot.ts';

const ROWS = 200;
const CACHE_BLOCKS = 16;
const { blockSize, checkpointInterval } = CONFIG_SIMULATION;

/** A backup whose 200 rows, each in a block of its own, are on disk only. */
function coldBackup(): ReplicaHarness {
  const harness = new ReplicaHarness({
    slot: 1,
    cacheBlocks: CACHE_BLOCKS,
    stateMachine: rowMachine(),
  }).start();
  const log = [fixtureRoot()];
  for (let op = 1; op <= checkpointInterval; op += 1) {
    const session = op === 1 ? 0 : sessionNumber(Op(1), 0);
    const operation = op === 1 ? OPERATION_REGISTER : OPERATION_ADD;
    const body = op === 1 ? new Uint8Array(0) : Uint8Array.of(ROWS);
    const requests = [makeRequest({ client: 5, session, request: op - 1, operation, body })];
    const checkpointId = op > checkpointInterval / 2 ? harness.replica.checkpointId : ZERO_CHECKSUM;
    log.push(prepareAfter(present(log.at(-1)), { requests, timestamp: 1000 * op, checkpointId }));
  }
  for (const message of log.slice(1)) {
    harness.deliver(message);
    harness.settle();
  }
  harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: log.length - 1, stamp: 1 }));
  for (let slices = 0; slices < 20; slices += 1) {
    harness.settle();
    harness.tick();
  }
  expect(harness.replica.checkpoint.op).toBe(checkpointInterval);
  const again = harness.restart();
  again.takeAnswers();
  return again;
}

function read(rows: readonly number[]): ReturnType<typeof query> {
  return query('local', { body: Uint8Array.from(rows) });
}

/** What clients were answered since the last call; 'refused' for a refusal. */
function answered(harness: ReplicaHarness): (number[] | 'refused')[] {
  return harness
    .takeAnswers()
    .map(({ message }) => (isCommand(message, 'queryReply') ? [...message.body] : 'refused'));
}

/** Blocks that queries hold, that one left out that may hold more than its share. */
function heldBlocks(harness: ReplicaHarness): number {
  return snapshotOf(harness.replica).limitedBytes / blockSize;
}

describe('blocks that queries hold', () => {
  it('never come to more than half of the cache, however many wait, and all are answered', () => {
    const harness = coldBackup();
    const wanted = Array.from({ length: ROWS / 4 }, (_, index) =>
      [0, 50, 100, 150].map((first) => first + index),
    );
    for (const rows of wanted) harness.deliver(read(rows));
    // At first all of them want one page, the root.
    const { queries, queriesForBlocks } = snapshotOf(harness.replica);
    expect([queries, queriesForBlocks]).toEqual([wanted.length, wanted.length]);
    let most = 0;
    let withoutRoom = 0;
    while (harness.waiting.includes('read_block')) {
      harness.complete('read_block');
      most = Math.max(most, heldBlocks(harness));
      harness.settle('read_block');
      withoutRoom = Math.max(withoutRoom, snapshotOf(harness.replica).queriesForRoom);
      // Beside them: the one with a privilege, and what the cache has room for.
      expect(snapshotOf(harness.replica).cachedBytes).toBeLessThanOrEqual(CACHE_BLOCKS * blockSize);
    }
    expect(most).toBeGreaterThan(CACHE_BLOCKS / 4);
    expect(most).toBeLessThanOrEqual(CACHE_BLOCKS / 2);
    expect(withoutRoom).toBeGreaterThan(wanted.length / 2);
    const key = (rows: readonly number[] | 'refused'): string => String(rows);
    expect(answered(harness).map(key).sort()).toEqual(wanted.map(key).sort());
    expect(snapshotOf(harness.replica)).toMatchObject({ queries: 0, claimedBytes: 0 });
  });

  it('may be more than the whole cache for one of them, and it is answered', () => {
    const harness = coldBackup();
    const all = Array.from({ length: ROWS }, (_, row) => row);
    harness.deliver(read(all));
    harness.deliver(read(all.toReversed()));
    harness.settle();
    expect(answered(harness)).toEqual([all, all.toReversed()]);
    expect(snapshotOf(harness.replica).claimedBytes).toBe(0);
    expect(snapshotOf(harness.replica).cachedBytes).toBeLessThanOrEqual(CACHE_BLOCKS * blockSize);
  });

  it('keep nobody from an answer who finds everything in memory', () => {
    const harness = coldBackup();
    for (let row = 0; row < ROWS; row += 1) harness.deliver(read([row]));
    harness.deliver(read([]));
    harness.settle('read_block');
    expect(answered(harness)).toEqual([[]]);
  });

  it('are let go of when a query has waited for too long', () => {
    const harness = coldBackup();
    for (let row = 0; row < ROWS; row += 1) harness.deliver(read([row]));
    harness.settle('read_block');
    expect(snapshotOf(harness.replica).claimedBytes).toBeGreaterThan(0);
    harness.tick(310);
    expect(answered(harness)).toEqual(Array.from({ length: ROWS }, () => 'refused'));
    expect(snapshotOf(harness.replica)).toMatchObject({ queries: 0, claimedBytes: 0 });
  });
});
