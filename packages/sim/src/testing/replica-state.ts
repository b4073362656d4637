import { Op, Prng, type ReplicaSnapshot, TIMEOUTS_DEFAULT, Timers, View } from '@kimberlite/vsr';

/** A backup in normal status with one op, but for what the test says. */
export function replicaState(changes: Partial<ReplicaSnapshot>): ReplicaSnapshot {
  return {
    slot: 0,
    status: 'normal',
    isPrimary: false,
    view: View(0),
    logView: View(0),
    op: Op(1),
    commitMin: Op(0),
    commitMax: Op(0),
    checkpointOp: Op(0),
    syncing: false,
    unmet: [],
    deniedBy: [],
    clockSynchronized: false,
    pipelineLength: 0,
    queueLength: 0,
    queries: 0,
    sessions: 0,
    journalDirty: 0,
    journalFaulty: 0,
    blocksMissing: 0,
    scrubTours: 0,
    scrubProgress: 0,
    scrubBytes: 0,
    scrubFindings: 0,
    quorumSeen: true,
    votersHeard: 2,
    commitStalled: false,
    repairSlots: 4,
    repairsInFlight: 0,
    roundTripMillis: 0,
    timeouts: new Timers(TIMEOUTS_DEFAULT, new Prng(1n)).fired(),
    ...changes,
  };
}
