import type { StatusRecord } from '@kimberlite/server';
import { Op, SNAPSHOT_AT_START, View } from '@kimberlite/vsr';
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
      ...SNAPSHOT_AT_START,
      slot: replica,
      status: 'normal',
      isPrimary: replica === 0,
      view: View(1),
      logView: View(1),
      op: Op(1),
      commitMin: Op(1),
      commitMax: Op(1),
      journalDurableOp: Op(1),
      quorumSeen: true,
      votersHeard: 2,
      repairSlots: 4,
      ...changes,
    },
    peers: [],
    addresses: { client: '', peer: '', http: null },
    dataFile: { path: '', bytes: 0, waitingBytes: 0, ioMode: 'dsync', lock: [] },
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
