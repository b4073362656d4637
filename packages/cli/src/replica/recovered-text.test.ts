import type { StatusRecord } from '@kimberlite/server';
import { describe, expect, it } from 'vitest';
import { answer } from '../testing/reports.ts';
import { recoveredText, startOf } from './recovered-text.ts';

/** A healthy replica of three, which dials the others at the usual ports of their machines. */
function dialling(slot: number, machine = 'kimberlite.kernel'): StatusRecord {
  const report = answer(slot, 3);
  if ('error' in report) throw new Error('it answers');
  const others = [0, 1, 2].filter((other) => other !== slot);
  const seen = { outgoing: true, incoming: true, problem: null };
  const peers = others.map((other) => ({ slot: other, address: `10.0.0.${other}:7101`, ...seen }));
  const { stateMachine } = report.status;
  return { ...report.status, peers, stateMachine: { ...stateMachine, name: machine } };
}

const MEMBER = { slot: 1, dataFile: '/d/1.data', cluster: '7', op: 12 };

describe('what recover says at its end', () => {
  it('is what counts now, the line that starts the replica, and to wait until it is normal', () => {
    const text = recoveredText({ ...MEMBER, others: [dialling(0), dialling(2)] });
    expect(text.split('\n')).toEqual([
      'recovered replica 1 of cluster 7 as of op 12 in /d/1.data',
      'This file alone counts now: destroy the lost one, and any that an earlier `recover` of ' +
        'replica 1 has made; both are void.',
      'Start the replica on it, with the settings that it had, such as',
      '  npx kimberlite start --data-file=/d/1.data --cluster=7 --replica=1 ' +
        '--addresses=10.0.0.0:7101,10.0.0.1:7101,10.0.0.2:7101 --client-address=10.0.0.1:7100 ' +
        '--http-address=0.0.0.0:7102',
      'and wait until `kimberlite status` shows it normal before anything else is stopped.',
      '',
    ]);
  });

  it('has no such line where not all places are known, or another program runs them', () => {
    expect(startOf({ ...MEMBER, others: [dialling(0)] })).toBeNull();
    expect(startOf({ ...MEMBER, others: [] })).toBeNull();
    const theirs = [dialling(0, 'acme.counter'), dialling(2, 'acme.counter')];
    expect(startOf({ ...MEMBER, others: theirs })).toBeNull();
    expect(recoveredText({ ...MEMBER, others: theirs })).toContain(
      'Start the replica on it, as before,\nand wait until `kimberlite status` shows it normal',
    );
  });
});
