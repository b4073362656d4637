import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { STORAGE_CALM } from '../storage/storage.ts';
import { rowWorkload, writeRow } from '../testing/row-machine.ts';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { at, settle } from '../testing/settled.ts';

const ROWS = 6_000;
const ROW_SIZE = 1_000;

/** Every client asks as soon as it was answered. */
function load(script: ScriptedCluster, ticks: number, next: () => number): void {
  for (let tick = 0; tick < ticks; tick += 1) {
    for (const client of script.cluster.clients) {
      if (!client.registered || client.busy) continue;
      client.submit(writeRow(next(), ROW_SIZE, tick), null);
    }
    script.run(1);
  }
}

describe('state transfer', () => {
  it('ends while the others are as busy as they can be', () => {
    const { script, backups } = settle({ replicaCount: 3, clientCount: 6, workload: rowWorkload });
    let row = 0;
    for (let t = 0; row < ROWS; t += 1) load(script, 1, () => row++ % ROWS);
    const slot = at(backups, 1);
    const prng = new Prng(1n);
    const random = (): number => prng.below(ROWS);
    script.isolate(slot);
    const head = () => Math.max(...script.cluster.snapshots().map((s) => s.op));
    const from = head();
    while (head() < from + 100) load(script, 1, random);
    script.heal();
    script.cluster.storage(slot).setOptions({ ...STORAGE_CALM, readMinMicros: 4_000 });
    const before = head();
    const starts = script.events('sync_started', slot).length;
    let ticks = 0;
    for (; ticks < 350 && script.events('sync_finished', slot).length === 0; ticks += 1) {
      load(script, 1, random);
      if (ticks % 10 === 0) {
        const s = script.state(slot);
        console.log(ticks, head(), s.checkpointOp, s.commitMin, s.syncing, s.blocksMissing, s.repairsInFlight);
      }
    }
    console.log(
      ticks,
      head() - before,
      script.events('sync_started', slot).map((e) => e.target),
      script.events('sync_finished', slot).length,
      script.cluster.totals,
    );
    expect(script.events('sync_finished', slot).length).toBe(1);
  });
});
