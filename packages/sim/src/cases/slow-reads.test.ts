import type { ExecuteContext, KeyNames, Request, StateMachine, TableReader } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { STORAGE_CALM } from '../storage/storage.ts';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { at, type Settled, settle } from '../testing/settled.ts';
import { OPERATION_WRITE, rowWorkload, writeRow } from '../workload/row-machine.ts';
import type { Workload, WorkloadRequest } from '../workload/workload.ts';

/** Counts the rows that are there, of the first so many (u16). */
const OPERATION_LOOK = 17;
const TABLE = 16;
const ROWS = 600;
const ROW_SIZE = 1_990;

function rowKey(row: number): Uint8Array {
  return new Uint8Array([row & 0xff, row >> 8]);
}

function look(rows: number): WorkloadRequest {
  return { operation: OPERATION_LOOK, body: rowKey(rows) };
}

function looked({ body }: Pick<Request, 'body'>): Uint8Array[] {
  const rows = new DataView(body.buffer, body.byteOffset, body.byteLength).getUint16(0, true);
  return Array.from({ length: rows }, (_, row) => rowKey(row));
}

/** Rows, and requests that read many of them at once. */
function lookingMachine(): StateMachine {
  const rows = rowWorkload.stateMachine();
  return {
    ...rows,
    name: 'vopr.looked_at_rows',
    validate: (operation, body) =>
      operation === OPERATION_LOOK ? body.length === 2 : rows.validate(operation, body),
    prefetch(request: Request, names: KeyNames, read: TableReader, round: number): boolean {
      if (request.operation !== OPERATION_LOOK) return rows.prefetch(request, names, read, round);
      for (const key of looked(request)) names.key(TABLE, key);
      return false;
    },
    execute(request: Request, context: ExecuteContext): Uint8Array {
      if (request.operation !== OPERATION_LOOK) return rows.execute(request, context);
      return rowKey(looked(request).filter((key) => context.get(TABLE, key) !== null).length);
    },
  };
}

const lookingWorkload: Workload = {
  ...rowWorkload,
  stateMachine: lookingMachine,
  model: () => {
    const rows = rowWorkload.model();
    const written = new Set<string>();
    return {
      execute(request, context): Uint8Array {
        if (request.operation === OPERATION_WRITE) {
          written.add(request.body.subarray(0, 2).join('.'));
          return rows.execute(request, context);
        }
        return rowKey(looked(request).filter((key) => written.has(key.join('.'))).length);
      },
    };
  },
};

/** A cluster with far more rows than fit into the cache, and nothing under way. */
function settleWithRows(): Settled {
  const settled = settle({ replicaCount: 3, clientCount: 6, workload: lookingWorkload });
  const { script } = settled;
  for (let row = 0; row < ROWS; script.run(1)) {
    for (const client of script.cluster.clients) {
      if (!client.busy && row < ROWS) client.submit(writeRow(row++, ROW_SIZE, 1), null);
    }
  }
  script.runUntil(() => script.cluster.clients.every((client) => !client.busy));
  script.runUntil(() => script.converged());
  return settled;
}

/** Reads of these disks take so many milliseconds. */
function slowReads(script: ScriptedCluster, slots: readonly number[], millis: number): void {
  for (const slot of slots) {
    script.cluster.storage(slot).setOptions({ ...STORAGE_CALM, readMinMicros: millis * 1_000 });
  }
}

describe('an op that reads a lot from slow disks', () => {
  // Some sixty blocks, eight at a time: a second and a half, twice what a primary bears without
  // progress. But it makes progress, and so would nobody else make more.
  it('ends under the same primary where all disks are as slow', () => {
    const { script, primary } = settleWithRows();
    const { view } = script.state(primary);
    slowReads(script, [0, 1, 2], 200);
    const replies: Uint8Array[] = [];
    for (const client of script.cluster.clients.slice(0, 3)) {
      client.submit(look(240), (reply) => replies.push(reply));
    }
    script.runUntil(() => replies.length === 3, 3_000);
    expect(script.events('abdicated')).toEqual([]);
    expect(script.events('vote').filter((vote) => vote.view === view)).toEqual([]);
    expect(script.state(primary)).toMatchObject({ isPrimary: true, view });
  }, 120_000);

  it('does not wait for a primary that alone is slow, which gives way', () => {
    const { script, primary, backups } = settleWithRows();
    slowReads(script, [primary], 300);
    let answered = false;
    at(script.cluster.clients, 0).submit(look(240), () => {
      answered = true;
    });
    // The others execute what has committed, and one of them answers the client that asks again.
    script.runUntil(() => answered, 50);
    expect(script.state(primary).commitMin).toBeLessThan(script.state(primary).commitMax);
    script.runUntil(() => script.primary() !== primary && script.primary() !== null, 500);
    expect(script.events('abdicated')).toMatchObject([{ reason: 'slow_disk' }]);
    expect(backups).toContain(script.primary());
  }, 120_000);
});
