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
