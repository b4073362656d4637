import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonBytes, printable } from './text.ts';
import { splitWords } from './words.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('printable', () => {
  it('keeps text, and escapes what would break a line or a terminal', () => {
    expect(printable(bytes('héllo wörld'))).toBe('héllo wörld');
    expect(printable(bytes('a\tb\nc\\d'))).toBe(String.raw`a\tb\nc\\d`);
    expect(printable(bytes('\u001b[31m'))).toBe(String.raw`\x1b[31m`);
    expect(printable(new Uint8Array([0x61, 0xff, 0x00]))).toBe(String.raw`a\xff\x00`);
  });

  it('can be read back by the repl for ASCII', () => {
    fc.assert(
      fc.property(fc.uint8Array({ max: 0x7f, maxLength: 20 }), (value) => {
        const line = `"${printable(value).replaceAll('"', '\\"')}"`;
        expect(Buffer.from(splitWords(line)[0] ?? '')).toEqual(Buffer.from(value));
      }),
    );
  });
});

describe('jsonBytes', () => {
  it('gives text as text and everything else as base64', () => {
    expect(jsonBytes('key', bytes('a'))).toEqual({ key: 'a' });
    expect(jsonBytes('key', new Uint8Array([0xff]))).toEqual({ key_base64: '/w==' });
  });
});
