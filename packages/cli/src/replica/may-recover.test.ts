import { Op } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { answer, silent } from '../testing/reports.ts';
import { headOf, isSettling, recoverRefusal } from './may-recover.ts';

/** Head of the log of the replicas that `answer` makes. */
const HEAD = 1;

describe('recover', () => {
  it('goes on when the member is silent and the others are whole', () => {
    expect(recoverRefusal([answer(0, 3), silent, answer(2, 3)], 1, HEAD)).toBeNull();
    expect(
      recoverRefusal([answer(0, 5), silent, answer(2, 5), answer(3, 5), silent], 1, HEAD),
    ).toBeNull();
    expect(recoverRefusal([answer(0, 4), silent, answer(2, 4)], 1, HEAD)).toBeNull();
  });

  it('is refused while the member answers', () => {
    const reports = [answer(0, 3), answer(1, 3), answer(2, 3)];
    expect(recoverRefusal(reports, 1, HEAD)).toMatchObject({
      code: 'refused',
      message: 'replica 1 runs: its file is not lost',
    });
  });

  it.each([
    { status: 'recovering_head' as const },
    { status: 'view_change' as const },
    { syncing: true },
    { journalDurableOp: Op(HEAD - 1) },
  ])('is refused while another one is %j: its copy may be the only one', (changes) => {
    const reports = [answer(0, 3), silent, answer(2, 3, changes)];
    expect(isSettling(reports, 1, HEAD)).toBe(true);
    expect(recoverRefusal(reports, 1, HEAD)).toMatchObject({
      code: 'refused',
      message: '1 of the other replicas are healthy and level, 2 are needed',
    });
  });

  it('says that too few are named where the others may be whole', () => {
    for (const reports of [[answer(0, 3)], [answer(0, 3), silent]]) {
      const refusal = recoverRefusal(reports, 1, HEAD);
      expect(refusal).toMatchObject({
        code: 'refused',
        message:
          `--endpoints (or --http) names ${reports.length} of 3 replicas, and 1 other than ` +
          'replica 1 was found healthy and level: 2 are needed',
        remedy: expect.stringContaining('Name all replicas'),
      });
      expect(refusal?.remedy).not.toContain('lost');
    }
    // All others were asked, and one is not level.
    const behind = [answer(0, 3), answer(2, 3, { syncing: true })];
    expect(recoverRefusal(behind, 1, HEAD)?.remedy).toContain('only one with some write');
  });

  it('asks for all that the lost file can have acknowledged, and for no more', () => {
    const reports = [answer(0, 3, { op: Op(9) }), silent, answer(2, 3, { op: Op(8) })];
    expect(headOf(reports)).toBe(9);
    // Under load: the ops that came after the first look are still on their way.
    const busy = { op: Op(20), journalDirty: 5, journalDurableOp: Op(15) };
    expect(recoverRefusal([answer(0, 3, busy), silent, answer(2, 3, busy)], 1, 9)).toBeNull();
    expect(isSettling([answer(0, 3, busy), silent, answer(2, 3, busy)], 1, 9)).toBe(false);
    const behind = { op: Op(8), journalDurableOp: Op(8) };
    expect(isSettling([answer(0, 3, busy), silent, answer(2, 3, behind)], 1, 9)).toBe(true);
  });

  it('waits only for those that may still settle', () => {
    const changing = { status: 'view_change' as const };
    expect(isSettling([answer(0, 3), silent, answer(2, 3)], 1, HEAD)).toBe(false);
    expect(isSettling([answer(0, 3, changing), silent, silent], 1, HEAD)).toBe(false);
    expect(isSettling([answer(0, 3), answer(1, 3), answer(2, 3, changing)], 1, HEAD)).toBe(false);
    expect(isSettling([answer(0, 2, changing), silent], 1, HEAD)).toBe(false);
    expect(isSettling([silent, silent, silent], 1, HEAD)).toBe(false);
  });

  it('is refused where a replica cannot be done without, or does not exist', () => {
    expect(recoverRefusal([answer(0, 2), silent], 1, HEAD)).toMatchObject({ code: 'refused' });
    expect(recoverRefusal([silent, silent], 1, HEAD)).toMatchObject({ code: 'no_answer' });
    expect(recoverRefusal([answer(0, 3), silent, answer(2, 3)], 3, HEAD)).toMatchObject({
      code: 'usage',
    });
  });
});
