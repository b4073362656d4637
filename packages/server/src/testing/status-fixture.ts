import { Op, type ReplicaSnapshot, SNAPSHOT_AT_START, View } from '@kimberlite/vsr';
import type { Instruments } from '../observe/instruments.ts';
import { counterRecord, type StatusRecord } from '../observe/status.ts';

/** A primary in normal status. */
export const snapshot: ReplicaSnapshot = {
  ...SNAPSHOT_AT_START,
  status: 'normal',
  isPrimary: true,
  view: View(16),
  logView: View(16),
  op: Op(12),
  commitMin: Op(10),
  commitMax: Op(11),
  pipelineLength: 1,
  queueLength: 2,
  queries: 3,
  queriesForBlocks: 2,
  queriesForRoom: 1,
  claimedBytes: 98_304,
  limitedBytes: 32_768,
  cachedBytes: 1_048_576,
  sessions: 3,
  journalDurableOp: Op(12),
  quorumSeen: true,
  votersHeard: 2,
  repairSlots: 4,
  roundTripMillis: 0.5,
};

/** The status of one of three replicas that reaches one of its peers. */
export function statusRecord(
  instruments: Instruments,
  changes: Partial<StatusRecord> = {},
): StatusRecord {
  return {
    version: '0.1.0',
    cluster: '77',
    replica: 0,
    replicaCount: 3,
    stateMachine: { name: 'kimberlite.kernel', id: 'ab'.repeat(16) },
    state: snapshot,
    peers: [
      { slot: 1, address: 'b:1', outgoing: true, incoming: true, problem: null },
      { slot: 2, address: 'c:1', outgoing: false, incoming: false, problem: 'ECONNREFUSED' },
    ],
    addresses: { client: 'a:1', peer: 'a:2', http: 'a:3' },
    dataFile: {
      path: '/d',
      bytes: 4096,
      waitingBytes: 0,
      ioMode: 'direct_dsync',
      lock: ['flock'],
    },
    threadPoolSize: 24,
    clientConnections: 5,
    stateSize: { bytes: 600, bytesMax: 1000, refusals: 2 },
    uptimeSeconds: 1.5,
    counters: counterRecord(instruments),
    ...changes,
  };
}
