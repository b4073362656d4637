import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { readLevel, readOptionsOf } from './read-options.ts';

describe('--read', () => {
  it('names the three levels', () => {
    expect(readLevel('linearizable')).toEqual({ consistency: 'linearizable' });
    expect(readLevel('local')).toEqual({ consistency: 'local' });
    expect(readLevel('bounded=250')).toEqual({ consistency: { boundedMillis: 250 } });
  });

  it.each(['', 'bounded', 'bounded=', 'bounded=0', 'bounded=-1', 'bounded=1.5', 'LOCAL', 'stale'])(
    'refuses %j',
    (text) => {
      expect(() => readLevel(text)).toThrow(InvalidArgumentError);
    },
  );

  it('is the default of the client where it is left out', () => {
    expect(readOptionsOf({})).toEqual({});
  });
});
