import { sha256Checksum } from '@kimberlite/store';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nativeSha256 } from './native-sha256.ts';

it('the SHA-256 of campaigns is that of the simulator', () => {
  expect(nativeSha256.name).toBe(sha256Checksum.name);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(nativeSha256.hash(bytes)).toBe(sha256Checksum.hash(bytes));
    }),
  );
});
