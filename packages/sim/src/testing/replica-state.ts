import { Op, type ReplicaSnapshot, SNAPSHOT_AT_START } from '@kimberlite/vsr';

/** A backup in normal status with one op, but for what the test says. */
export function replicaState(changes: Partial<ReplicaSnapshot>): ReplicaSnapshot {
  return {
    ...SNAPSHOT_AT_START,
    status: 'normal',
    op: Op(1),
    journalDurableOp: Op(1),
    clockSynchronized: false,
    quorumSeen: true,
    votersHeard: 2,
    repairSlots: 4,
    ...changes,
  };
}
