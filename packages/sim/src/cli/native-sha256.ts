import { hash } from 'node:crypto';
import { type ChecksumFunction, checksumOfDigest } from '@kimberlite/store';

/** The same digests as the simulator's own SHA-256, several times as fast: for campaigns. */
export const nativeSha256: ChecksumFunction = {
  name: 'sha256-128',
  hash: (bytes) => checksumOfDigest(hash('sha256', bytes, 'buffer')),
};
