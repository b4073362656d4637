import { describe, expect, it } from 'vitest';
import type { ReplicaReport } from './cluster/ask-replicas.ts';
import { recoverRefusal } from './replica/may-recover.ts';
import { availabilityFault, statusText } from './status.ts';
import { answer, silent } from './testing/reports.ts';

describe('what status says of the cluster', () => {
  it('is that nothing can be committed when too few answered, with a code of its own', () => {
    const fault = availabilityFault([answer(0, 3), silent, silent]);
    expect(fault).toMatchObject({
      exitCode: 9,
      code: 'below_quorum',
      message: '1 of 3 replicas answered: no quorum, nothing can be committed',
      remedy: expect.stringMatching(
        /^Nothing acknowledged is lost. Start the others; if they run, ch/,
      ),
    });
    const two = [answer(0, 5), answer(1, 5), silent, silent, silent];
    expect(availabilityFault(two)).toMatchObject({ exitCode: 9 });
  });

  it('is nothing when they are of two clusters', () => {
    const other = answer(1, 3);
    if (!('status' in other)) throw new Error('it answers');
    const stranger = { ...other, status: { ...other.status, cluster: '77' } };
    const reports = [answer(0, 3), stranger, answer(2, 3)];
    const fault = {
      exitCode: 2,
      message: 'the endpoints are of several clusters: 7 and 77',
      remedy: expect.stringContaining('--cluster'),
    };
    expect(availabilityFault(reports)).toMatchObject(fault);
    expect(recoverRefusal(reports, 2, 1)).toMatchObject(fault);
  });

  it('is the same when too few of those that answered take part', () => {
    const unable = [
      { status: 'introducing' },
      { status: 'recovering_head' },
      { deniedBy: [1] },
      { quorumSeen: false },
    ] as const;
    for (const state of unable) {
      expect(availabilityFault([answer(0, 3), answer(1, 3, state), silent])).toMatchObject({
        exitCode: 9,
        code: 'below_quorum',
        message: '1 of 3 replicas take part and hear each other: nothing can be committed',
      });
      expect(availabilityFault([answer(0, 3), answer(1, 3, state), answer(2, 3)])).toBeNull();
      // Those that nobody asked may be well.
      expect(availabilityFault([answer(0, 3), answer(1, 3, state)])).toBeNull();
    }
    const changing = answer(1, 3, { status: 'view_change' });
    expect(availabilityFault([answer(0, 3), changing, silent])).toBeNull();
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

describe('the table of status', () => {
  it('says who hears a quorum, and gives a role only to a replica in normal status', () => {
    const reports = [
      answer(0, 3),
      answer(1, 3, { quorumSeen: false }),
      answer(2, 3, { status: 'introducing', quorumSeen: false }),
      silent,
    ];
    const cells = statusText(reports)
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/).slice(0, 4));
    expect(cells).toEqual([
      ['REPLICA', 'ROLE', 'STATUS', 'QUORUM'],
      ['0', 'primary', 'normal', 'yes'],
      ['1', 'backup', 'normal', 'no'],
      ['2', '-', 'introducing', 'no'],
      ['-', '-', 'nothing listens there', '-'],
    ]);
  });

  it('names one that is down: the one that is left, or whose peer port others dial', () => {
    const firstCells = (reports: readonly ReplicaReport[]): unknown[] =>
      statusText(reports)
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => line.split(' ')[0]);
    expect(firstCells([answer(0, 3), silent, answer(2, 3)])).toEqual(['0', '1', '2']);
    expect(firstCells([answer(0, 3), silent])).toEqual(['0', '-']);
    const report = answer(0, 3);
    if ('error' in report) throw new Error('it answers');
    const peers = [1, 2].map((slot) => ({
      slot,
      address: `10.0.0.${slot}:7101`,
      outgoing: false,
      incoming: false,
      problem: 'ECONNREFUSED',
    }));
    const dials = { ...report, status: { ...report.status, peers } };
    const down = [2, 1].map((host) => ({
      http: `10.0.0.${host}:7102`,
      error: 'no answer in time',
    }));
    expect(firstCells([dials, ...down])).toEqual(['0', '2', '1']);
  });
});
