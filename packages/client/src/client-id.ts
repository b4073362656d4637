import { randomBytes } from 'node:crypto';
import { ClientId } from '@kimberlite/vsr';

/** 128 random bits; zero is reserved. */
export function randomClientId(): ClientId {
  const value = BigInt(`0x${randomBytes(16).toString('hex')}`);
  return ClientId(value === 0n ? 1n : value);
}
