import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitWords } from './words.ts';

describe('splitWords', () => {
  it('splits at blanks, and keeps quoted ones', () => {
    expect(splitWords('  put  a   b ')).toEqual(['put', 'a', 'b']);
    expect(splitWords(`put 'a b' "c d"`)).toEqual(['put', 'a b', 'c d']);
    expect(splitWords(`a"b c"d`)).toEqual(['ab cd']);
    expect(splitWords(`put a ''`)).toEqual(['put', 'a', '']);
    expect(splitWords('')).toEqual([]);
  });

  it('knows escapes outside single quotes', () => {
    expect(splitWords(String.raw`"\n\t\\\"" '\n' \x41\ b`)).toEqual([
      '\n\t\\"',
      String.raw`\n`,
      'A b',
    ]);
  });

  it('refuses what is not closed or not an escape', () => {
    for (const line of ['"a', "'a", 'a\\', '\\xg0']) {
      expect(() => splitWords(line)).toThrow(/not closed|end of the line|hexadecimal/);
    }
  });

  it('gives back any words that were single-quoted', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        const line = words.map((word) => `'${word.replaceAll("'", `'"'"'`)}'`).join(' ');
        expect(splitWords(line)).toEqual(words);
      }),
    );
  });
});
