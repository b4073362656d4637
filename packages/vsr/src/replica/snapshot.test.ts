import { mix128 } from '@kimberlite/store';
import { expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../config.ts';
import { Prng } from '../std/prng.ts';
import { counterMachine } from '../testing/counter-machine.ts';
import { createReplica } from './create-replica.ts';
import { SNAPSHOT_AT_START, snapshotOf } from './snapshot.ts';

it('the snapshot at the start is what a replica says that has read nothing yet', () => {
  const replica = createReplica({
    config: CONFIG_SIMULATION,
    checksum: mix128,
    cluster: 7n,
    slot: 0,
    release: 1,
    stateMachine: counterMachine(),
    prng: new Prng(1n),
  });
  expect(SNAPSHOT_AT_START).toStrictEqual(snapshotOf(replica));
});
