import { expect, it } from 'vitest';
import { settle } from '../testing/settled.ts';

/** Sizes of the cluster under test: a ring of 32 slots, a checkpoint every 16 ops, deadline 8. */
const INTERVAL = 16;
const DEADLINE = 8;

it('an odd backup hears that it is, though the others have made two checkpoints since', () => {
  const ODD = 2;
  const { script, primary } = settle({ replicaCount: 3, stray: { slot: ODD, fromOp: 4 } });
  expect(primary).not.toBe(ODD);
  // Its primary is one that has another state. What the third one has, it does not hear.
  for (const command of ['ping', 'pong'] as const) script.drop({ to: ODD, command });
  while (script.state(primary).checkpointOp < 3 * INTERVAL) {
    script.add(script.state(primary).op, 1);
  }
  expect(script.state(ODD)).toMatchObject({ op: INTERVAL + DEADLINE, checkpointOp: INTERVAL });
  expect(script.cluster.replica(ODD).running).toBe(true);
  script.heal();
  script.runUntil(() => !script.cluster.replica(ODD).running);
  // And it did not go on with a state that is not its own doing.
  expect(script.events('sync_started', ODD)).toEqual([]);
  expect(script.add(200, 1)).toBe(1);
});
