import { AssertionError, FOREST_ROOT_SIZE, mix128 } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from './config.ts';
import { type AdoptedState, formatReplica, rootPrepare } from './format.ts';
import { Op, View, ZERO_CHECKSUM } from './std/numbers.ts';
import { mutualIntroductions } from './superblock/introductions.ts';
import { FIXTURE_MACHINE } from './testing/counter-machine.ts';
import { DataFile } from './testing/data-file.ts';
import { chainOf, FIXTURE_CLUSTER } from './testing/log-fixture.ts';
import { ReplicaHarness } from './testing/replica-harness.ts';

/** A multiple of the interval; the ring has been round more than once. */
const SINCE = Op(48);
const CHAIN = chainOf(6);
const [ROOT, ...OPS] = CHAIN;

function checkpointAt(op: Op): AdoptedState['checkpoint'] {
  return {
    op,
    prepareChecksum: ROOT?.header.checksum ?? ZERO_CHECKSUM,
    timestampNext: 7,
    parentId: ZERO_CHECKSUM,
    forestRoot: new Uint8Array(FOREST_ROOT_SIZE),
  };
}

function started(adopted: AdoptedState, view = View(0)): ReplicaHarness {
  const config = CONFIG_SIMULATION;
  const replica = { slot: 1, replicaCount: 3, incarnation: 9n };
  const identity = { machine: FIXTURE_MACHINE, cluster: FIXTURE_CLUSTER, ...replica };
  const introductions = mutualIntroductions(1, [9n, 9n, 9n], adopted.checkpoint.op);
  const contents = formatReplica({
    config,
    checksum: mix128,
    ...identity,
    introductions,
    view,
    adopted,
  });
  return new ReplicaHarness({ slot: 1, file: new DataFile(config, contents) }).start();
}

describe('a file that goes on from another one', () => {
  it('begins with the checkpoint alone: its log is a root in the place of its op', () => {
    const { replica } = started({ checkpoint: checkpointAt(SINCE), log: [] });
    expect(replica).toMatchObject({
      status: 'normal',
      view: 0,
      op: SINCE,
      commitMin: SINCE,
      commitMax: SINCE,
      headCertain: true,
    });
    const root = rootPrepare(FIXTURE_CLUSTER, mix128, SINCE);
    expect(replica.checkpoint).toMatchObject({
      op: SINCE,
      prepareChecksum: root.header.checksum,
      timestampNext: 7,
    });
    expect(replica.journal.header(SINCE)?.header.checksum).toBe(root.header.checksum);
  });

  it('begins with the log above the checkpoint, as that of its view', () => {
    const { replica } = started({ checkpoint: checkpointAt(Op(0)), log: OPS }, View(32));
    expect(replica).toMatchObject({ view: 32, logView: 32, op: OPS.length, commitMin: 0 });
    for (const { header } of OPS) expect(replica.journal.isDurable(header.op)).toBe(true);
  });

  it('is not made of a log with a gap, or of another cluster', () => {
    const checkpoint = checkpointAt(Op(0));
    for (const log of [OPS.slice(1), [...OPS.slice(0, 2), ...OPS.slice(3)]]) {
      expect(() => started({ checkpoint, log })).toThrow(AssertionError);
    }
    const config = CONFIG_SIMULATION;
    const replica = { slot: 0, replicaCount: 1, incarnation: 9n };
    const foreign = { machine: FIXTURE_MACHINE, cluster: 8n, ...replica };
    const writes = formatReplica({
      config,
      checksum: mix128,
      ...foreign,
      adopted: { checkpoint, log: OPS },
    });
    expect(() => [...writes]).toThrow(AssertionError);
  });
});
