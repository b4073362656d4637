import { describe, expect, it } from 'vitest';
import { bytesText } from './bytes-text.ts';

describe('bytes for people', () => {
  it.each([
    [[], 32, 'no bytes'],
    [[0x6b, 0x65, 0x79], 32, '6b6579 "key"'],
    [[0, 0x1f, 0x20, 0x7e, 0x7f, 0xff], 6, '001f207e7fff ".. ~.."'],
    [[1, 2, 3], 2, '0102 ".."... (3 bytes)'],
  ])('%j of %i at most', (bytes, most, text) => {
    expect(bytesText(Uint8Array.from(bytes), most)).toBe(text);
  });
});
