import { describe, expect, it } from 'vitest';
import { answer, silent } from '../testing/reports.ts';
import { isSettling, recoverRefusal } from './recover-command.ts';

describe('recover', () => {
  it('goes on when the member is silent and the others are whole', () => {
    expect(recoverRefusal([answer(0, 3), silent, answer(2, 3)], 1)).toBeNull();
    expect(
      recoverRefusal([answer(0, 5), silent, answer(2, 5), answer(3, 5), silent], 1),
    ).toBeNull();
    expect(recoverRefusal([answer(0, 4), silent, answer(2, 4)], 1)).toBeNull();
  });

  it('is refused while the member answers', () => {
    const reports = [answer(0, 3), answer(1, 3), answer(2, 3)];
    expect(recoverRefusal(reports, 1)).toMatchObject({
      code: 'refused',
      message: 'replica 1 runs: its file is not lost',
    });
  });

  it.each([
    { status: 'recovering_head' as const },
    { status: 'view_change' as const },
    { syncing: true },
    { journalDirty: 1 },
  ])('is refused while another one is %j: its copy may be the only one', (changes) => {
    const reports = [answer(0, 3), silent, answer(2, 3, changes)];
    expect(isSettling(reports, 1)).toBe(true);
    expect(recoverRefusal(reports, 1)).toMatchObject({
      code: 'refused',
      message: '1 of the other replicas are healthy and level, 2 are needed',
    });
  });

  it('waits only for those that may still settle', () => {
    const changing = { status: 'view_change' as const };
    expect(isSettling([answer(0, 3), silent, answer(2, 3)], 1)).toBe(false);
    expect(isSettling([answer(0, 3, changing), silent, silent], 1)).toBe(false);
    expect(isSettling([answer(0, 3), answer(1, 3), answer(2, 3, changing)], 1)).toBe(false);
    expect(isSettling([answer(0, 2, changing), silent], 1)).toBe(false);
    expect(isSettling([silent, silent, silent], 1)).toBe(false);
  });

  it('is refused where a replica cannot be done without, or does not exist', () => {
    expect(recoverRefusal([answer(0, 2), silent], 1)).toMatchObject({ code: 'refused' });
    expect(recoverRefusal([silent, silent], 1)).toMatchObject({ code: 'no_answer' });
    expect(recoverRefusal([answer(0, 3), silent, answer(2, 3)], 3)).toMatchObject({
      code: 'usage',
    });
  });
});
