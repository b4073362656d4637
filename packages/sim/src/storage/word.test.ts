import { describe, expect, it } from 'vitest';
import { isBehind, mostOf, NO_WORD } from './word.ts';

const heard = { view: 5, logView: 4, op: 9 };

describe('a file that stands by a word', () => {
  it.each([
    [heard, false],
    [{ ...heard, op: 10 }, false],
    [{ ...heard, op: 8 }, true],
    [{ ...heard, view: 4 }, true],
    [{ view: 5, logView: 3, op: 20 }, true],
    [{ view: 5, logView: 5, op: 1 }, false],
    [NO_WORD, true],
  ])('%j is behind what was heard of it: %j', (word, behind) => {
    expect(isBehind(word, heard)).toBe(behind);
  });

  it('is taken at the most that was heard of it', () => {
    expect(mostOf(heard, NO_WORD)).toEqual(heard);
    expect(mostOf(heard, { view: 7, logView: 0, op: 0 })).toEqual({ ...heard, view: 7 });
    expect(mostOf(heard, { view: 5, logView: 5, op: 2 })).toEqual({ view: 5, logView: 5, op: 2 });
    expect(mostOf(heard, { view: 4, logView: 4, op: 12 })).toEqual({ ...heard, op: 12 });
  });
});
