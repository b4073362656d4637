import { expect, it } from 'vitest';
import { checkpointDeadline } from '../../config.ts';
import { OPERATION_NOOP, OPERATION_REGISTER } from '../../message/batch.ts';
import { OPERATION_ADD } from '../../testing/counter-machine.ts';
import { makeRequest } from '../../testing/log-fixture.ts';
import { type IoKind, ReplicaHarness } from '../../testing/replica-harness.ts';
import { rowMachine } from '../../testing/row-machine.ts';
import { sessionNumber } from '../execution/sessions.ts';
import { isPrimary } from '../role.ts';

/** Of 6,000 bytes: a checkpoint of them takes many slices. */
const ROWS = 200;

/** A cluster of one whose clients ask one after the other. */
class Lone {
  readonly harness: ReplicaHarness = new ReplicaHarness({
    slot: 0,
    replicaCount: 1,
    stateMachine: rowMachine(),
  }).start();
  private session = 0;
  private asked = 0;

  constructor() {
    for (let ticks = 0; !isPrimary(this.replica); ticks += 1) {
      expect(ticks).toBeLessThan(1_000);
      this.harness.tick();
      this.harness.settle();
    }
    this.ask(OPERATION_REGISTER);
    this.session = sessionNumber(this.replica.op, 0);
    this.ask(OPERATION_ADD, Uint8Array.of(ROWS));
  }

  get replica(): ReplicaHarness['replica'] {
    return this.harness.replica;
  }

  /** A request comes, and I/O ends but for these kinds. */
  ask(operation: number, body = new Uint8Array(0), ...except: readonly IoKind[]): void {
    const { session, asked: request } = this;
    this.harness.deliver(makeRequest({ client: 5, session, request, operation, body }));
    this.asked += 1;
    this.harness.settle(...except);
  }

  noop(...except: readonly IoKind[]): void {
    this.ask(OPERATION_NOOP, new Uint8Array(0), ...except);
  }
}

it('waits before each op for its share of the work, a little, up to the deadline', () => {
  const lone = new Lone();
  const { harness, replica } = lone;
  const { checkpointInterval } = harness.config;
  while (replica.op < checkpointInterval) lone.noop('write_blocks');
  expect(replica.checkpointing).toMatchObject({ record: { op: checkpointInterval } });
  const waited: number[] = [];
  const last = checkpointInterval + checkpointDeadline(harness.config);
  while (replica.op < last) {
    const { op } = replica;
    lone.noop('write_blocks');
    let ticks = 0;
    for (; replica.op === op; ticks += 1) {
      expect(ticks).toBeLessThan(10);
      harness.tick();
      harness.settle('write_blocks');
    }
    waited.push(ticks);
  }
  // None of its writes ends: the work stands still, and ops go on without their share of it.
  expect(replica.checkpoint.op).toBe(0);
  expect(waited.slice(-3)).toEqual([2, 2, 2]);
  lone.noop('write_blocks');
  harness.tick(100);
  expect(replica.op).toBe(last);
  harness.settle();
  expect(replica).toMatchObject({ op: last + 1, checkpoint: { op: checkpointInterval } });
});

it('waits for nothing where all is done but the superblock', () => {
  const lone = new Lone();
  const { harness, replica } = lone;
  const { checkpointInterval, pipelineMax } = harness.config;
  while (replica.op < checkpointInterval) lone.noop('write_superblock');
  for (let ticks = 0; replica.checkpointing?.sealed !== true; ticks += 1) {
    expect(ticks).toBeLessThan(100);
    harness.tick();
    harness.settle('write_superblock');
  }
  expect(replica.forest.checkpointProgress).toBe(1);
  const last = checkpointInterval + checkpointDeadline(harness.config);
  for (let op = checkpointInterval + 1; op <= last; op += 1) {
    lone.noop('write_superblock');
    expect(replica.op).toBe(op);
  }
  expect(last - checkpointInterval).toBeGreaterThan(pipelineMax);
});

it('does as much of the work as ops have come nearer to the deadline', () => {
  const lone = new Lone();
  const { harness, replica } = lone;
  const { checkpointInterval, pipelineMax } = harness.config;
  while (replica.op < checkpointInterval) lone.noop();
  const progress: number[] = [];
  const free = checkpointDeadline(harness.config) - pipelineMax;
  for (let share = 1; share <= free; share += 1) {
    lone.noop();
    expect(replica.op).toBe(checkpointInterval + share);
    progress.push(replica.forest.checkpointProgress * free);
    expect(progress.at(-1)).toBeGreaterThanOrEqual(share);
  }
  // No more than it must: the first op of all has not waited for all of it.
  expect(progress[0]).toBeLessThan(free);
});
