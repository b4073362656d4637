import { describe, expect, it } from 'vitest';
import { decideEmptyWrite, decideSyncError, decideWriteError, retryRead } from './io-policy.ts';

describe('the policy on failed I/O', () => {
  it('tries an interrupted write again, but not for ever', () => {
    expect(decideWriteError({ code: 'EINTR' }, '/x', 0)).toEqual({ kind: 'retry' });
    expect(decideWriteError({ code: 'EAGAIN' }, '/x', 100)).toMatchObject({ kind: 'die' });
    expect(decideEmptyWrite('/x', 0)).toEqual({ kind: 'retry' });
    expect(decideEmptyWrite('/x', 100)).toMatchObject({ kind: 'die' });
  });

  it('dies at every other failure of a write, with the reason', () => {
    for (const code of ['EIO', 'EBADF', 'EINVAL', 'ENXIO', '']) {
      expect(decideWriteError({ code }, '/x', 0)).toMatchObject({
        fault: { code: 'write_failed' },
      });
    }
    for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) {
      expect(decideWriteError({ code }, '/x', 0)).toMatchObject({ fault: { code: 'disk_full' } });
    }
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
