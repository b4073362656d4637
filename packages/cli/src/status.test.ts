import type { StatusRecord } from '@kimberlite/server';
import { Op, View } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { availabilityFault, type ReplicaReport } from './status.ts';

function answer(replica: number, replicaCount: number): ReplicaReport {
  const status: StatusRecord = {
    version: '0.1.0',
    cluster: '7',
    replica,
    replicaCount,
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
      clockSynchronized: true,
      pipelineLength: 0,
      queueLength: 0,
      sessions: 0,
      journalDirty: 0,
      journalFaulty: 0,
    },
    peers: [],
    addresses: { client: '', peer: '', http: null },
    dataFile: { path: '', bytes: 0, ioMode: 'dsync', lock: [] },
    threadPoolSize: 24,
    clientConnections: 0,
    uptimeSeconds: 0,
    counters: {
      messagesReceived: 0,
      messagesSent: 0,
      messagesDropped: {},
      frameFaults: {},
      rejectionsSent: {},
      rejectionsReceived: {},
      requests: {},
      writeP99Seconds: 0,
    },
  };
  return { http: `127.0.0.1:${7102 + 10 * replica}`, status };
}

const silent: ReplicaReport = { http: '127.0.0.1:1', error: 'nothing listens there' };

describe('what status says of the cluster', () => {
  it('is that nothing can be committed when too few answered, with a code of its own', () => {
    const fault = availabilityFault([answer(0, 3), silent, silent]);
    expect(fault).toMatchObject({
      exitCode: 9,
      code: 'below_quorum',
      message: '1 of 3 replicas answered: no quorum, nothing can be committed',
    });
    const two = [answer(0, 5), answer(1, 5), silent, silent, silent];
    expect(availabilityFault(two)).toMatchObject({ exitCode: 9 });
  });

  it('is nothing while a quorum answers, or may live where nobody asked', () => {
    expect(availabilityFault([answer(0, 3), answer(1, 3), silent])).toBeNull();
    expect(availabilityFault([answer(0, 1)])).toBeNull();
    expect(availabilityFault([answer(2, 3)])).toBeNull();
    expect(availabilityFault([answer(0, 1), silent, silent])).toBeNull();
  });

  it('is that none answered', () => {
    expect(availabilityFault([silent, silent])).toMatchObject({ exitCode: 4, code: 'no_answer' });
  });
});
