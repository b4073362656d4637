import type { StatusRecord } from '@kimberlite/server';
import { Op } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { answer } from '../testing/reports.ts';
import { assuranceOf, assuredOrRefused } from './backup-assurance.ts';

function status(
  replica: number,
  changes: Partial<StatusRecord['state']> = {},
): { readonly status: StatusRecord } {
  const report = answer(replica, 3, changes);
  if ('error' in report) throw new Error('it answers');
  return report;
}

const ALONE = { quorumSeen: false, commitMax: Op(378) };

describe('what is known of acknowledged writes before a backup', () => {
  it('is all of them where a replica that takes part hears a quorum', () => {
    const one = [status(1, { commitMax: Op(7) }).status];
    expect(assuranceOf(one)).toEqual({ replicaCount: 3, answered: 1, quorum: true, knownOp: 7 });
    const candidate = [status(1, { status: 'view_change' }).status, status(2, ALONE).status];
    expect(assuranceOf(candidate).quorum).toBe(false);
    const syncing = [status(1, { syncing: true }).status];
    expect(assuranceOf(syncing).quorum).toBe(false);
  });

  it('reaches up to the head of a primary, which acknowledges before others hear of it', () => {
    const leads = status(0, { op: Op(9), commitMax: Op(7) }).status;
    const follows = status(1, { op: Op(9), commitMax: Op(6) }).status;
    expect(assuranceOf([leads, follows]).knownOp).toBe(9);
    expect(assuranceOf([follows]).knownOp).toBe(6);
    const lost = status(0, { op: Op(9), commitMax: Op(7), quorumSeen: false }).status;
    expect(assuranceOf([lost]).knownOp).toBe(7);
  });
});

describe('a backup without a quorum', () => {
  it('is refused, with what may be missing and how to have it all the same', async () => {
    const refused = assuredOrRefused(async () => [status(2, ALONE)], { withoutQuorum: false });
    await expect(refused).rejects.toMatchObject({
      code: 'below_quorum',
      exitCode: 9,
      message:
        '1 of 3 replicas answered, and none of them hears a quorum: ' +
        'acknowledged writes above op 378 may be missing',
      remedy: expect.stringMatching(/^No file was made.*--without-quorum/),
    });
    expect(
      await assuredOrRefused(async () => [status(2, ALONE)], { withoutQuorum: true }),
    ).toHaveLength(1);
  });

  it('waits for the election of those that answer', async () => {
    let asked = 0;
    const found = await assuredOrRefused(
      async () => {
        asked += 1;
        const electing = { status: 'view_change', isPrimary: false } as const;
        return [status(0, asked > 2 ? {} : electing), status(1, electing)];
      },
      { withoutQuorum: false },
    );
    expect(found).toHaveLength(2);
    expect(asked).toBe(3);
  });
});
