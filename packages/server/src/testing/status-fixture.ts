import { Op, Prng, type ReplicaSnapshot, TIMEOUTS_DEFAULT, Timers, View } from '@kimberlite/vsr';
import type { Instruments } from '../observe/instruments.ts';
import { counterRecord, type StatusRecord } from '../observe/status.ts';

/** A primary in normal status. */
export const snapshot: ReplicaSnapshot = {
  slot: 0,
  status: 'normal',
  isPrimary: true,
  view: View(16),
  logView: View(16),
  op: Op(12),
  commitMin: Op(10),
  commitMax: Op(11),
  checkpointOp: Op(0),
  syncing: false,
  unmet: [],
  deniedBy: [],
  clockSynchronized: true,
  pipelineLength: 1,
  queueLength: 2,
  queries: 3,
  queriesForBlocks: 2,
  queriesForRoom: 1,
  claimedBytes: 98_304,
  limitedBytes: 32_768,
  limitedBytesMax: 67_108_864,
  cachedBytes: 1_048_576,
  sessions: 3,
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
  roundTripMillis: 0.5,
  timeouts: new Timers(TIMEOUTS_DEFAULT, new Prng(1n)).fired(),
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
    dataFile: { path: '/d', bytes: 4096, ioMode: 'direct_dsync', lock: ['flock'] },
    threadPoolSize: 24,
    clientConnections: 5,
    stateSize: { bytes: 600, bytesMax: 1000, refusals: 2 },
    uptimeSeconds: 1.5,
    counters: counterRecord(instruments),
    ...changes,
  };
}
