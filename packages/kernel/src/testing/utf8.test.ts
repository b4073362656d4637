import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from './utf8.ts';

describe('utf8', () => {
  it('encodes what the platform encodes, lone surrogates included', () => {
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect([...utf8Encode(text)]).toEqual([...encoder.encode(text)]);
      }),
    );
    for (const text of ['\ud800', 'a\udfffb', '\udc00\ud800', 'é€😀\u0000\uffff']) {
      expect([...utf8Encode(text)]).toEqual([...encoder.encode(text)]);
    }
  });

  it('decodes what the platform decodes, and refuses what it refuses', () => {
    const strict = (bytes: Uint8Array): string | null => {
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        return null;
      }
    };
    const near = fc.array(
      fc.constantFrom(
        0x41,
        0x7f,
        0x80,
        0x8f,
        0x90,
        0x9f,
        0xa0,
        0xbf,
        0xc0,
        0xc1,
        0xc2,
        0xdf,
        0xe0,
        0xed,
        0xef,
        0xf0,
        0xf4,
        0xf5,
        0xff,
      ),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(near, (values) => {
        const bytes = Uint8Array.from(values);
        expect(utf8Decode(bytes)).toBe(strict(bytes));
      }),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(utf8Decode(utf8Encode(text))).toBe(text);
      }),
    );
  });
});
