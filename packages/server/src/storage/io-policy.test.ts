import { describe, expect, it } from 'vitest';
import { decideEmptyWrite, decideSyncError, decideWriteError, retryRead } from './io-policy.ts';

describe('the policy on failed I/O', () => {
  it('tries an interrupted write again, but not for ever', () => {
    const [first, last] = [
      { retries: 0, isGrowth: false },
      { retries: 100, isGrowth: false },
    ];
    expect(decideWriteError({ code: 'EINTR' }, '/x', first)).toEqual({ kind: 'retry' });
    expect(decideWriteError({ code: 'EAGAIN' }, '/x', last)).toMatchObject({ kind: 'die' });
    expect(decideEmptyWrite('/x', first)).toEqual({ kind: 'retry' });
    expect(decideEmptyWrite('/x', last)).toMatchObject({ kind: 'die' });
  });

  it('dies at every other failure of a write, with the reason', () => {
    for (const isGrowth of [false, true]) {
      for (const code of ['EIO', 'EBADF', 'EINVAL', 'ENXIO', '']) {
        expect(decideWriteError({ code }, '/x', { retries: 0, isGrowth })).toMatchObject({
          fault: { code: 'write_failed' },
        });
      }
    }
    for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) {
      expect(decideWriteError({ code }, '/x', { retries: 0, isGrowth: false })).toMatchObject({
        fault: { code: 'disk_full' },
      });
    }
  });

  it('lets a growth of the file wait for room', () => {
    for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) {
      expect(decideWriteError({ code }, '/x', { retries: 0, isGrowth: true })).toEqual({
        kind: 'no_room',
      });
    }
    const last = { retries: 100, isGrowth: true };
    expect(decideEmptyWrite('/x', last)).toEqual({ kind: 'no_room' });
  });

  it('never tries a sync again, whatever became of it', () => {
    for (const code of ['EINTR', 'EAGAIN', 'EIO', '']) {
      expect(decideSyncError({ code }, '/x')).toMatchObject({
        kind: 'die',
        fault: { code: 'write_failed' },
      });
    }
    for (const code of ['ENOSPC', 'EDQUOT']) {
      expect(decideSyncError({ code }, '/x')).toMatchObject({ fault: { code: 'disk_full' } });
    }
  });

  it('tries a read again only when it was interrupted', () => {
    expect(retryRead({ code: 'EINTR' }, 0)).toBe(true);
    expect(retryRead({ code: 'EINTR' }, 100)).toBe(false);
    expect(retryRead({ code: 'EIO' }, 0)).toBe(false);
  });
});
