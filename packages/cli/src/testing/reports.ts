import type { StatusRecord } from '@kimberlite/server';
import { Op, Prng, TIMEOUTS_DEFAULT, Timers, View } from '@kimberlite/vsr';
import type { ReplicaReport } from '../cluster/ask-replicas.ts';

/** What a healthy replica says; replica 0 leads. */
export function answer(
  replica: number,
  replicaCount: number,
  changes: Partial<StatusRecord['state']> = {},
): ReplicaReport {
  const status: StatusRecord = {
    version: '0.1.0',
    cluster: '7',
    replica,
    replicaCount,
    stateMachine: { name: 'kimberlite.kernel', id: 'ab'.repeat(16) },
    state: {
      slot: replica,
      status: 'normal',
      isPrimary: replica === 0,
      view: View(1),
      logView: View(1),
      op: Op(1),
      commitMin: Op(1),
      commitMax: Op(1),
      checkpointOp: Op(0),
      syncing: false,
      unmet: [],
      deniedBy: [],
      clockSynchronized: true,
      pipelineLength: 0,
      queueLength: 0,
      queries: 0,
      queriesForBlocks: 0,
      queriesForRoom: 0,
      claimedBytes: 0,
      limitedBytes: 0,
      limitedBytesMax: 67_108_864,
      cachedBytes: 0,
      sessions: 0,
      journalDirty: 0,
      journalFaulty: 0,
      blocksMissing: 0,
      scrubTours: 0,
      scrubProgress: 0,
      scrubBytes: 0,
      scrubFindings: 0,
      diskHangs: false,
      quorumSeen: true,
      votersHeard: 2,
      commitStalled: false,
      commitPauseMillis: 0,
      repairSlots: 4,
      repairsInFlight: 0,
      roundTripMillis: 0,
      timeouts: new Timers(TIMEOUTS_DEFAULT, new Prng(1n)).fired(),
      ...changes,
    },
    peers: [],
    addresses: { client: '', peer: '', http: null },
    dataFile: { path: '', bytes: 0, ioMode: 'dsync', lock: [] },
    threadPoolSize: 24,
    clientConnections: 0,
    stateSize: { bytes: null, bytesMax: 0, refusals: 0 },
    uptimeSeconds: 0,
    counters: {
      messagesReceived: 0,
      messagesSent: 0,
      messagesDropped: {},
      frameFaults: {},
      rejectionsSent: {},
      rejectionsReceived: {},
      requests: {},
      walWriteP99Seconds: 0,
    },
  };
  return { http: `127.0.0.1:${7102 + 10 * replica}`, status };
}

/** One that does not answer. */
export const silent: ReplicaReport = { http: '127.0.0.1:1', error: 'nothing listens there' };
