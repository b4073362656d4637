import { TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { STORAGE_CALM } from '../storage/storage.ts';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { addOne, at, settle } from '../testing/settled.ts';

const SECONDS = 1_000_000;
/** Until the longest pause: a look to see it behind, and four that double. */
const LOOKS = 6 * TIMEOUTS_DEFAULT.voterLag;

/** Requests answered in so many ticks, with every client as busy as it can be. */
function answered(script: ScriptedCluster, ticks: number): number {
  let count = 0;
  for (let tick = 0; tick < ticks; tick += 1) {
    for (const client of script.cluster.clients) {
      if (!client.registered || client.busy) continue;
      client.submit(addOne(1), () => {
        count += 1;
      });
    }
    script.run(1);
  }
  return count;
}

describe("a voter that can't keep up", () => {
  it('slows commits, by no more than half, until it can', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 3 });
    const slot = at(backups, 1);
    const usual = answered(script, 150);
    expect(script.state(primary).commitPauseMillis).toBe(0);
    script.cluster.storage(slot).setOptions({ ...STORAGE_CALM, writeMinMicros: SECONDS });
    answered(script, LOOKS);
    expect(script.events('commits_slowed', primary)).toMatchObject([{ voter: slot }]);
    const longest = script.state(primary).commitPauseMillis;
    expect(longest).toBeGreaterThan(1);
    expect(longest).toBeLessThan(20);
    expect(answered(script, 150)).toBeGreaterThan(usual / 2);
    script.cluster.storage(slot).setOptions(STORAGE_CALM);
    script.runUntil(() => script.events('commits_unslowed', primary).length > 0, 2 * LOOKS);
    expect(script.state(primary).commitPauseMillis).toBe(0);
    script.runUntil(() => script.converged());
  }, 120_000);

  it('and is not heard slows nothing', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 1 });
    script.isolate(at(backups, 1));
    answered(script, LOOKS);
    expect(script.events('commits_slowed', primary)).toEqual([]);
  });
});
