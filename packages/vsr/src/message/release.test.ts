import { describe, expect, it } from 'vitest';
import { releaseOf } from './release.ts';

describe('releaseOf', () => {
  it.each([
    ['0.1.0', 0x000100],
    ['1.20.3', 0x011403],
    ['255.255.255', 0xffffff],
    ['2.0.1-rc.4', 0x020001],
  ])('packs %s into three bytes', (version, release) => {
    expect(releaseOf(version)).toBe(release);
  });

  it.each(['', '1.2', 'x.1.2', '1.256.0', '1..2'])('takes no %j', (version) => {
    expect(() => releaseOf(version)).toThrow();
  });
});
