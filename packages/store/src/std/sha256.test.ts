import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumOfDigest } from './checksum.ts';
import { sha256, sha256Checksum } from './sha256.ts';

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

describe('sha256', () => {
  it('gives the published digests', () => {
    const vectors: readonly (readonly [string, string])[] = [
      ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
      ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
      [
        'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
        '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
      ],
      ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
    ];
    for (const [text, digest] of vectors) expect(hex(sha256(ascii(text)))).toBe(digest);
  });

  it('equals the native one at every length around the block boundaries', () => {
    for (let size = 0; size <= 260; size += 1) {
      const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 31 + size) & 0xff);
      expect(hex(sha256(bytes))).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  it('equals the native one on views into larger buffers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(20), (bytes, offset) => {
        const view = bytes.subarray(Math.min(offset, bytes.length));
        expect(hex(sha256(view))).toBe(createHash('sha256').update(view).digest('hex'));
      }),
    );
  });

  it('is cut to the first 16 bytes as a checksum', () => {
    const bytes = ascii('abc');
    expect(sha256Checksum.name).toBe('sha256-128');
    expect(sha256Checksum.hash(bytes)).toBe(checksumOfDigest(sha256(bytes)));
    expect(sha256Checksum.hash(bytes).toString(16)).toBe('2322ae5dde404141eacf018fbf1678ba');
  });
});
