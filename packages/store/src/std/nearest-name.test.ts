import { describe, expect, it } from 'vitest';
import { nearestName } from './nearest-name.ts';

describe('the nearest name', () => {
  it('is found by the number of changes, whatever the case', () => {
    const names = ['cluster', 'replica', 'retryMillis'];
    expect(nearestName('replcia', names)).toBe('replica');
    expect(nearestName('retrymilis', names)).toBe('retryMillis');
    expect(nearestName('CLUSTERS', names)).toBe('cluster');
    expect(nearestName('xyz', names)).toBeNull();
  });

  it('is none when a third of the word is wrong or more', () => {
    expect(nearestName('kitten', ['sitting'])).toBeNull();
    expect(nearestName('kitten', ['mittens'])).toBe('mittens');
    expect(nearestName('', ['abc'])).toBeNull();
  });
});
