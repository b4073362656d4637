import { describe, expect, it } from 'vitest';
import type { ScriptedCluster } from '../testing/scripted-cluster.ts';
import { at, settle } from '../testing/settled.ts';
import { OPERATION_READ } from '../workload/counter-machine.ts';

/** Asks a replica for counter 1 without a place in the log; the answer comes in `value`. */
function readAt(script: ScriptedCluster, slot: number): { value: number | null } {
  const answer: { value: number | null } = { value: null };
  at(script.cluster.clients, 0).query(
    { level: 'linearizable', lagMax: 0, nearest: slot },
    {
      operation: OPERATION_READ,
      body: new Uint8Array([1]),
      onReply: (reply): void => {
        answer.value = new DataView(reply.buffer, reply.byteOffset).getUint32(0, true);
      },
    },
  );
  return answer;
}

describe('a linearizable read', () => {
  it('takes no place in the log', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    script.add(1, 1);
    const { op } = script.state(primary);
    const answer = readAt(script, primary);
    script.runUntil(() => answer.value !== null);
    expect(answer.value).toBe(1);
    expect(script.state(primary).op).toBe(op);
  });

  it('asks again when the confirmation is lost, and waits for a quorum of it', () => {
    const { script, primary } = settle({ replicaCount: 3 });
    script.add(1, 1);
    const lost = script.drop({ from: primary, command: 'confirmView' });
    const answer = readAt(script, primary);
    script.run(40);
    expect(answer.value).toBeNull();
    expect(lost.packets.length).toBeGreaterThan(2);
    lost.remove();
    script.runUntil(() => answer.value !== null, 50);
    expect(answer.value).toBe(1);
  });

  it.each([2, 60])(
    'that lay before a primary which slept %i ticks longer than the others waited sees their write',
    (longer) => {
      for (const seed of [1n, 2n]) {
        const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2, seed });
        script.add(1, 1);
        script.pause(primary);
        // What would tell it of their view comes later than the questions.
        const late = script.cut(backups, [primary]);
        // From before the others' write, and from after: only that one owes it.
        const before = readAt(script, primary);
        script.runUntil(() => script.primary() !== primary, 500);
        expect(script.add(1, 1, 1)).toBe(2);
        const after = readAt(script, primary);
        script.run(longer);
        script.unpause(primary);
        script.run(5);
        for (const rule of late) rule.remove();
        script.runUntil(() => before.value !== null && after.value !== null);
        expect(after.value).toBe(2);
        expect([1, 2]).toContain(before.value);
      }
    },
  );

  it('waits at a new primary for the log that it began with', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2 });
    const next = at(backups, 0);
    script.add(1, 1);
    // Acknowledged by the old primary, and not known to be committed by those who go on.
    script.drop({ from: primary, command: 'commit' });
    // To another client: what the one that asks has seen itself would be waited for in any case.
    expect(script.add(1, 1, 1)).toBe(2);
    script.crash(primary);
    // The last backup has it too, but its word is lost: the new one cannot commit what it inherits.
    const acks = script.drop({ to: next, command: 'prepareOk' });
    script.runUntil(() => script.state(next).isPrimary, 500);
    const { commitMin, op } = script.state(next);
    expect(commitMin).toBeLessThan(op);
    const asked = script.watch({ to: next, command: 'query' });
    const answer = readAt(script, next);
    script.runUntil(() => asked.packets.length > 0, 40);
    script.run(15);
    expect(script.state(next)).toMatchObject({ isPrimary: true, commitMin });
    expect(answer.value).toBeNull();
    acks.remove();
    script.runUntil(() => answer.value !== null);
    expect(answer.value).toBe(2);
  });

  it('is not answered by a primary that was cut off while others went on without it', () => {
    const { script, primary, backups } = settle({ replicaCount: 3, clientCount: 2 });
    script.add(1, 1);
    script.cut([primary], backups);
    script.cut(backups, [primary]);
    script.runUntil(() => script.primary() !== primary, 500);
    expect(script.add(1, 1, 1)).toBe(2);
    const answer = readAt(script, primary);
    script.run(100);
    expect(answer.value === null || answer.value === 2).toBe(true);
    script.heal();
    script.runUntil(() => answer.value !== null);
    expect(answer.value).toBe(2);
  });
});
