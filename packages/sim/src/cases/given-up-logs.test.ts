import { mix128 } from '@kimberlite/store';
import { decodeMessage, isCommand } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { tearBody } from '../testing/log-faults.ts';
import { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { OPERATION_ADD } from '../workload/counter-machine.ts';

const ADD_ONE = { operation: OPERATION_ADD, body: new Uint8Array([1, 1]) };
/** Seeds to try for delays that bring a story about; the first that does is the test. */
const SEEDS = 40n;

/** Tells the story with the first seed whose delays fit it, and returns what it ends with. */
function firstThatFits<T>(story: (seed: bigint) => T | null): T {
  for (let seed = 1n; seed <= SEEDS; seed += 1n) {
    const end = story(seed);
    if (end !== null) return end;
  }
  throw new Error('no seed brings the story about');
}

function startedWithPrimary1(seed: bigint, clientCount: number): ScriptedCluster | null {
  const script = new ScriptedCluster({ replicaCount: 3, clientCount, seed });
  script.runUntil(() => script.cluster.clients.every((client) => client.registered));
  script.add(1, 1, clientCount - 1);
  script.runUntil(() => script.converged());
  return script.primary() === 1 ? script : null;
}

/**
 * Replica 1 holds ops of a view that was given up, under the head that a later view gave it; the
 * headers between never reach it before it has to say what its log is.
 */
function givenUpOpsUnderTheHead(seed: bigint): ScriptedCluster | null {
  const script = startedWithPrimary1(seed, 7);
  if (script === null) return null;
  const before = script.state(1).op;
  const cut = [0, 2].flatMap((slot) => [
    script.drop({ from: 1, to: slot }),
    script.drop({ from: slot, to: 1 }),
  ]);
  for (let client = 0; client < 4; client += 1) script.submit(ADD_ONE, client);
  script.run(8);
  if (script.state(1).op !== before + 4) return null;
  const idle = (): boolean => script.cluster.clients.every((client) => !client.busy);
  script.runUntil(() => script.primary() === 2 && script.converged([0, 2]) && idle(), 600);
  while (script.state(2).op < before + 4) script.add(2, 1, 6);
  script.run(30);
  const committed = script.state(2).op;
  if (script.state(0).commitMin !== committed) return null;
  script.drop({ from: 2, to: 0, command: 'prepare' });
  script.drop({ from: 2, to: 0, command: 'commit' });
  for (let client = 3; client < 7; client += 1) script.submit(ADD_ONE, client);
  script.run(8);
  if (script.state(2).op !== committed + 4) return null;
  script.drop({ from: 0, to: 2, command: 'startView' });
  script.runUntil(() => script.state(0).logView === 16, 600);
  script.run(2);
  script.crash(2);
  script.drop({ from: 0, to: 1, command: 'startView' });
  script.drop({ from: 0, to: 1, command: 'headers' });
  for (const rule of cut) rule.remove();
  return script;
}

describe('a log that was given up', () => {
  it('is no part of the log of a later view, though it still stands in the slots', () => {
    const script = firstThatFits(givenUpOpsUnderTheHead);
    script.runUntil(() => script.state(1).logView === 17, 1500);
    script.runUntil(() => script.primary() === 0 && script.state(0).view === 32, 3000);
    script.heal();
    script.runUntil(() => script.converged([0, 1]), 3000);
    expect(script.state(1).commitMin).toBe(script.state(0).commitMin);
  });
});

/**
 * Replica 1 takes an op that nobody else gets; view 2 gives its number to another, which replica 2
 * alone has. Replica 1 follows view 2 and begins to write that one in the place of the first; then
 * the power fails there, and replica 2 dies. `hung` writes nothing meanwhile.
 */
function crashOverAGivenUpOp(seed: bigint, hung: 'wal_headers' | 'wal_prepares'): Ending | null {
  const script = startedWithPrimary1(seed, 7);
  if (script === null) return null;
  const op = script.state(1).op + 1;
  const cut = [0, 2].flatMap((slot) => [
    script.drop({ from: 1, to: slot }),
    script.drop({ from: slot, to: 1 }),
  ]);
  script.submit(ADD_ONE, 0);
  script.run(8);
  if (script.state(1).op !== op || script.state(1).journalDirty !== 0) return null;
  const prepares = script.drop({ from: 2, to: 0, command: 'prepare' });
  const seen = script.watch({ from: 2, to: 1, command: 'prepare' });
  script.runUntil(() => script.primary() === 2 && script.state(0).view === 2, 900);
  script.runUntil(() => script.state(2).op === op, 900);
  if (script.state(0).op >= op || script.state(2).view !== 2) return null;
  const storage = script.cluster.storage(1);
  storage.hang([hung]);
  for (const rule of cut) rule.remove();
  script.runUntil(() => script.state(1).logView === 2 && script.state(1).op === op, 900);
  script.run(60);
  const sent = seen.packets
    .map(({ bytes }) => decodeMessage(bytes, mix128))
    .filter((message) => typeof message !== 'string')
    .find((message) => isCommand(message, 'prepare') && message.header.op === op);
  script.crash(1);
  script.crash(2);
  prepares.remove();
  if (sent === undefined || !isCommand(sent, 'prepare')) return null;
  if (hung === 'wal_prepares') tearBody(script.disk(1), sent);
  storage.hang([]);
  const { evidence } = storage;
  if (evidence.redundantChecksum(op) === sent.header.checksum) return null;
  const wanted = hung === 'wal_prepares' ? 'damaged' : 'readable';
  if (evidence.slotState(op) !== wanted) return null;
  script.restart(1);
  return { script, op };
}

interface Ending {
  readonly script: ScriptedCluster;
  readonly op: number;
}

describe('an op that was being written over one that was given up', () => {
  it('is there when its body is, and two of three go on with it', () => {
    const { script, op } = firstThatFits((seed) => crashOverAGivenUpOp(seed, 'wal_headers'));
    script.runUntil(() => script.converged([0, 1]), 3000);
    expect(script.state(0).commitMin).toBeGreaterThanOrEqual(op);
    expect(script.state(0).commitMin).toBe(script.state(1).commitMin);
  });

  it('was never acknowledged when its body is torn, and two of three go on without it', () => {
    const { script } = firstThatFits((seed) => crashOverAGivenUpOp(seed, 'wal_prepares'));
    script.runUntil(() => script.converged([0, 1]), 3000);
    script.heal();
    expect(script.state(0).commitMin).toBe(script.state(1).commitMin);
  });
});

describe('a primary that was slow to repair its log', () => {
  it('does not go on with the vote to leave that it gave meanwhile', () => {
    const script = new ScriptedCluster({ replicaCount: 3, clientCount: 1, seed: 3n });
    script.add(1, 1);
    script.runUntil(() => script.converged() && script.primary() === 1);
    script.drop({ from: 1, to: 2 });
    script.add(1, 1);
    script.crash(1);
    const prepares = script.drop({ from: 0, to: 2, command: 'prepare' });
    const votes = [script.drop({ command: 'startViewChange', from: 2 })];
    script.runUntil(() => script.state(2).logView === 2, 600);
    votes.push(script.drop({ command: 'startViewChange', from: 0 }));
    script.run(300);
    prepares.remove();
    script.runUntil(() => script.primary() === 2, 300);
    for (const rule of votes) rule.remove();
    script.run(400);
    expect(script.state(2).view).toBe(2);
    expect(script.primary()).toBe(2);
  });
});
