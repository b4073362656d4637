import { ClientId, CONFIG_SIMULATION, Op, Prng, type TraceEvent, View } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { OPERATION_UNKNOWN } from '../byzantine/mutation.ts';
import { NodeHealths } from '../network/node-health.ts';
import { emptyTotals, type Totals } from '../run/totals.ts';
import { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { TraceTally } from './trace-tally.ts';

function newTally(): { readonly tally: TraceTally; readonly totals: Totals } {
  const totals = emptyTotals();
  const context = { totals, network: { health: new NodeHealths(new Prng(1n), 4) }, clocks: [] };
  return { totals, tally: new TraceTally(context, { config: CONFIG_SIMULATION, replicaCount: 3 }) };
}

const [state] = new ScriptedCluster({ replicaCount: 3 }).cluster.snapshots();
if (state === undefined) throw new Error('it runs');
const timeouts = { ...state.timeouts, startViewChangeWindow: 0 };

describe('what is counted of a run', () => {
  it('are ticks in which two replicas change to different views', () => {
    const { tally, totals } = newTally();
    const changing = { ...state, status: 'view_change' } as const;
    const [first, other] = [View(3), View(4)];
    tally.onTick([state, { ...changing, slot: 1, view: first }]);
    tally.onTick([state, { ...changing, slot: 1, view: first }, { ...changing, view: first }]);
    expect(totals.viewChangesOverlapping).toBe(0);
    tally.onTick([{ ...changing, view: first }, state, { ...changing, slot: 1, view: other }]);
    expect(totals.viewChangesOverlapping).toBe(1);
  });

  it('are windows of votes that ended, over restarts', () => {
    const { tally, totals } = newTally();
    for (const startViewChangeWindow of [0, 1, 1, 3, 0, 1]) {
      tally.onTick([{ ...state, timeouts: { ...timeouts, startViewChangeWindow } }]);
    }
    expect(totals.voteWindowsExpired).toBe(4);
  });

  it('are commits of an earlier view in the midst of a view change', () => {
    const { tally, totals } = newTally();
    const status = (from: 'normal' | 'view_change', to: 'normal' | 'view_change'): TraceEvent => {
      return { kind: 'status', from, to, view: View(2) };
    };
    const late: TraceEvent = { kind: 'dropped', command: 'commit', reason: 'stale_view', from: 0 };
    tally.onTrace(1, late);
    tally.onTrace(1, status('normal', 'view_change'));
    tally.onTrace(2, late);
    expect(totals.lateCommits).toBe(0);
    tally.onTrace(1, late);
    tally.onTrace(1, { ...late, command: 'ping' });
    tally.onTrace(1, status('view_change', 'normal'));
    tally.onTrace(1, late);
    expect(totals.lateCommits).toBe(1);
  });

  it('are requests of an operation that no state machine knows', () => {
    const { tally, totals } = newTally();
    const executed = { kind: 'executed', op: Op(3), index: 0, client: ClientId(1n) } as const;
    const rest = { request: 1, outcome: 'executed', reply: null } as const;
    tally.onTrace(0, { ...executed, ...rest, operation: 16 });
    tally.onTrace(0, { ...executed, ...rest, operation: OPERATION_UNKNOWN });
    expect(totals.unknownOperations).toBe(1);
  });
});
