import { hash as cryptoHash } from 'node:crypto';
import { type ChecksumFunction, checksumOfDigest } from '@kimberlite/vsr';

/** The checksum of every cluster that ships: the first 128 bits of SHA-256, by one native call. */
export const sha256: ChecksumFunction = {
  name: 'sha256-128',
  hash: (bytes) => checksumOfDigest(cryptoHash('sha256', bytes, 'buffer')),
};
