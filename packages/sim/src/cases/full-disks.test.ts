import { CONFIG_SIMULATION, checkpointDeadline, TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, readAt, settle } from '../testing/settled.ts';

const INTERVAL = CONFIG_SIMULATION.checkpointInterval;
const DEADLINE = checkpointDeadline(CONFIG_SIMULATION);
/** Many times what a primary bears of its disk. */
const LONG = 20 * TIMEOUTS_DEFAULT.abdicate;

/**
 * A full file system, as the core sees it: the log and the superblock have their space, and blocks
 * wait until there is room. Adds up to the last op that commits without the next checkpoint.
 */
function fillDisks(script: ScriptedCluster, slots: readonly number[]): number {
  let added = 0;
  while (script.state(script.primary() ?? 0).op < INTERVAL / 2) added = script.add(1, 1);
  for (const slot of slots) script.tap.hang(slot, 'blocks');
  while (script.state(script.primary() ?? 0).op < INTERVAL + DEADLINE) added = script.add(1, 1);
  return added;
}

describe('disks that are full at the same block', () => {
  it.each([1, 2, 3, 5])('of %i replicas: writes wait, reads go on, no view changes', (count) => {
    const { script, primary } = settle({ replicaCount: count });
    const all = Array.from({ length: count }, (_, slot) => slot);
    const { view } = script.state(primary);
    const added = fillDisks(script, all);
    const answer = script.submit(addOne(1));
    script.run(LONG);
    expect(answer.body).toBeNull();
    for (const slot of all) {
      expect(script.state(slot)).toMatchObject({
        view,
        checkpointOp: 0,
        commitMin: INTERVAL + DEADLINE,
      });
      expect(script.events('acknowledged', slot).at(-1)?.op ?? 0).toBeLessThanOrEqual(
        INTERVAL + DEADLINE,
      );
    }
    expect(script.events('abdicated')).toEqual([]);
    const read = readAt(script, primary);
    script.runUntil(() => read.value !== null);
    expect(read.value).toBe(added);
    for (const slot of all) script.tap.release(slot);
    script.runUntil(() => script.converged(all));
    expect(script.read(1)).toBe(added + 1);
    expect(script.state(primary)).toMatchObject({ view, isPrimary: true, checkpointOp: INTERVAL });
  });

  it('make the primary give way when the others have room', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    const added = fillDisks(script, [primary]);
    const answer = script.submit(addOne(1));
    script.runUntil(() => answer.body !== null, LONG);
    expect(script.primary()).not.toBe(primary);
    script.tap.release(primary);
    script.runUntil(() => script.converged([0, 1, 2]));
    expect(script.read(1)).toBe(added + 1);
  });
});
