import { mix128 } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import {
  type ClusterConfig,
  CONFIG_DEFAULT,
  CONFIG_DEV,
  CONFIG_SIMULATION,
  checkpointDeadline,
} from '../../config.ts';
import { Checksum, Op, ZERO_CHECKSUM } from '../../std/numbers.ts';
import { Prng } from '../../std/prng.ts';
import { counterMachine } from '../../testing/counter-machine.ts';
import { checkpointAt } from '../../testing/wal-disk.ts';
import { createReplica } from '../create-replica.ts';
import type { Replica } from '../replica.ts';
import { checkpointAllows, checkpointRequired, expectedCheckpointId } from './window.ts';

function replicaAt(config: ClusterConfig, checkpointOp: number, restored = true): Replica {
  const r = createReplica({
    config,
    checksum: mix128,
    cluster: 7n,
    slot: 1,
    release: 1,
    stateMachine: counterMachine(),
    prng: new Prng(1n),
  });
  r.checkpoint = { ...checkpointAt(checkpointOp), parentId: Checksum(111n) };
  r.checkpointId = Checksum(222n);
  r.restored = restored;
  return r;
}

describe.each([
  ['default', CONFIG_DEFAULT],
  ['dev', CONFIG_DEV],
  ['simulation', CONFIG_SIMULATION],
])('window of the %s sizes', (_, config) => {
  const interval = config.checkpointInterval;
  const deadline = checkpointDeadline(config);
  const r = replicaAt(config, 0);

  it('names the newest checkpoint C with C + D below the op', () => {
    let newest: number | null = null;
    for (let op = 0; op <= 4 * interval; op += 1) {
      for (let checkpoint = 0; checkpoint <= op; checkpoint += interval) {
        if (checkpoint + deadline < op) newest = checkpoint;
      }
      expect(checkpointRequired(r, Op(op))).toBe(newest);
    }
  });

  it('allows an op above C + D only when C is durable here', () => {
    const behind = replicaAt(config, interval);
    const next = 2 * interval;
    expect(checkpointAllows(behind, Op(next + deadline))).toBe(true);
    expect(checkpointAllows(behind, Op(next + deadline + 1))).toBe(false);
    const level = replicaAt(config, next);
    expect(checkpointAllows(level, Op(next + deadline + 1))).toBe(true);
    expect(checkpointAllows(level, Op(next + interval + deadline))).toBe(true);
    expect(checkpointAllows(level, Op(next + interval + deadline + 1))).toBe(false);
  });

  it('does not allow it while blocks of just that checkpoint are missing', () => {
    const fetching = replicaAt(config, interval, false);
    expect(checkpointAllows(fetching, Op(interval + deadline))).toBe(true);
    expect(checkpointAllows(fetching, Op(interval + deadline + 1))).toBe(false);
    // The first ops of a cluster need none.
    expect(checkpointAllows(replicaAt(config, 0, false), Op(deadline))).toBe(true);
  });

  it('never lets an op overwrite what no durable checkpoint covers', () => {
    for (const checkpoint of [0, interval, 5 * interval]) {
      const here = replicaAt(config, checkpoint);
      let op = checkpoint;
      while (checkpointAllows(here, Op(op + 1))) op += 1;
      // The slot of the last op allowed, plus a pipeline, is still one under the checkpoint.
      expect(op + config.pipelineMax - config.walSlots).toBeLessThanOrEqual(checkpoint);
    }
  });

  it('expects the id of just that checkpoint in a prepare', () => {
    const here = replicaAt(config, 2 * interval);
    const above = (checkpoint: number): Op => Op(checkpoint + deadline + 1);
    expect(expectedCheckpointId(here, Op(deadline))).toBe(ZERO_CHECKSUM);
    expect(expectedCheckpointId(here, above(2 * interval))).toBe(222n);
    expect(expectedCheckpointId(here, Op(3 * interval + deadline))).toBe(222n);
    expect(expectedCheckpointId(here, above(interval))).toBe(111n);
    // Older or newer than what it knows: it can't tell, and must not judge.
    expect(expectedCheckpointId(here, above(0))).toBeNull();
    expect(expectedCheckpointId(here, above(3 * interval))).toBeNull();
  });
});
