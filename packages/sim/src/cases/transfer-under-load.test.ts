import { Prng } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { STORAGE_CALM } from '../storage/storage.ts';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { at, settle } from '../testing/settled.ts';
import { rowWorkload, writeRow } from '../workload/row-machine.ts';

/** About four hundred blocks. */
const ROWS = 1_500;
const LARGE = 1_990;
const SMALL = 1_000;

/** For a tick, every client asks as soon as it was answered. */
function load(script: ScriptedCluster, row: () => number, size: number): void {
  for (const client of script.cluster.clients) {
    if (client.registered && !client.busy)
      client.submit(writeRow(row(), size, script.cluster.queue.now), null);
  }
  script.run(1);
}

function head(script: ScriptedCluster): number {
  return Math.max(...script.cluster.snapshots().map(({ op }) => op));
}

describe('state transfer under full load', () => {
  // A checkpoint lasts for 32 ops, some 100 ms here; to read what is on the slow disk takes four
  // times as long. So each target is overtaken, and only what is kept of it can bring the end.
  it('ends, though its targets are overtaken', () => {
    const { script, backups } = settle({ replicaCount: 3, clientCount: 6, workload: rowWorkload });
    const prng = new Prng(1n);
    const random = (): number => prng.below(ROWS);
    for (let row = 0; row < ROWS; ) load(script, () => row++ % ROWS, LARGE);
    const slot = at(backups, 1);
    script.isolate(slot);
    for (const from = head(script); head(script) < from + 100; ) load(script, random, SMALL);
    script.heal();
    script.cluster.storage(slot).setOptions({ ...STORAGE_CALM, readMinMicros: 8_000 });
    const from = head(script);
    const finished = (): number => script.events('sync_finished', slot).length;
    for (let tick = 0; tick < 350 && finished() === 0; tick += 1) load(script, random, SMALL);
    expect(finished()).toBe(1);
    expect(head(script) - from).toBeGreaterThan(100);
    expect(script.events('sync_started', slot).length).toBeGreaterThan(2);
    script.runUntil(() => script.cluster.clients.every((client) => !client.busy));
    script.runUntil(() => script.converged());
  }, 120_000);
});
