import { assert } from './assert.ts';
import { readU128, u128Of } from './u128.ts';

declare const brand: unique symbol;

/** A 128-bit content hash. */
export type Checksum = bigint & { readonly [brand]: 'Checksum' };

const U128_LIMIT = 1n << 128n;

export function Checksum(value: bigint): Checksum {
  assert(value >= 0n && value < U128_LIMIT, 'checksum is 128 bits');
  return value as Checksum;
}

/** The 128-bit content hash of a cluster, injected once and named in the format of its files. */
export interface ChecksumFunction {
  /** Stored in the superblock; a replica refuses a file that names another. */
  readonly name: 'sha256-128' | 'mix128';
  /** Hash of the bytes; never zero (zero stands for "none"). */
  readonly hash: (bytes: Uint8Array) => Checksum;
}

/** Makes the first 16 bytes of a digest a checksum. */
export function checksumOfDigest(digest: Uint8Array): Checksum {
  const value = readU128(new DataView(digest.buffer, digest.byteOffset, 16), 0);
  return Checksum(value === 0n ? 1n : value);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function finish(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return mixed ^ (mixed >>> 16);
}

/**
 * A plain 128-bit mix for simulation: four lanes of multiply and rotate, cross-fed at the end. It
 * finds accidents, not forgeries, and costs a fraction of SHA-256 in TypeScript.
 */
function mix(bytes: Uint8Array): Checksum {
  let a = 0x9e3779b9 ^ bytes.length;
  let b = 0x85ebca6b | 0;
  let c = 0xc2b2ae35 | 0;
  let d = 0x27d4eb2f;
  const whole = bytes.length & ~15;
  const words = wordsOf(bytes, whole);
  let at = 0;
  for (; at < whole; at += 16) {
    const w0 = words === null ? word(bytes, at) : wordAt(words, at);
    const w1 = words === null ? word(bytes, at + 4) : wordAt(words, at + 4);
    const w2 = words === null ? word(bytes, at + 8) : wordAt(words, at + 8);
    const w3 = words === null ? word(bytes, at + 12) : wordAt(words, at + 12);
    a = (Math.imul(rotate(a ^ Math.imul(w0, 0xcc9e2d51), 15), 5) + b) | 0;
    b = (Math.imul(rotate(b ^ Math.imul(w1, 0x1b873593), 17), 9) + c) | 0;
    c = (Math.imul(rotate(c ^ Math.imul(w2, 0xab0e9789), 13), 7) + d) | 0;
    d = (Math.imul(rotate(d ^ Math.imul(w3, 0x38b34ae5), 19), 11) + a) | 0;
  }
  for (let shift = 0; at < bytes.length; at += 1, shift += 7) {
    const value = bytes[at] ?? 0;
    a = (Math.imul(rotate(a ^ (value + shift), 11), 0x1b873593) + d) | 0;
    d = (Math.imul(rotate(d ^ a, 7), 0xcc9e2d51) + b) | 0;
  }
  a ^= rotate(c, 16);
  b ^= rotate(d, 16);
  a = finish(a + b);
  b = finish(b + c);
  c = finish(c + d + a);
  d = finish(d + a + b);
  a = finish(a + d);
  b = finish(b + a);
  if ((a | b | c | d) === 0) a = 1;
  return u128Of(a, b, c, d) as Checksum;
}

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
/** Up to here bytes are copied to be read as words; a view costs more than the copy. */
const COPIED_MAX = 512;
const copiedWords = new Int32Array(COPIED_MAX / 4);
const copiedBytes = new Uint8Array(copiedWords.buffer);

/** The same bytes as words, where that is possible and gives the same numbers. */
function wordsOf(bytes: Uint8Array, length: number): Int32Array | null {
  if (!LITTLE_ENDIAN) return null;
  if (bytes.length <= COPIED_MAX) {
    copiedBytes.set(bytes);
    return copiedWords;
  }
  if ((bytes.byteOffset & 3) !== 0) return null;
  return new Int32Array(bytes.buffer, bytes.byteOffset, length >> 2);
}

function wordAt(words: Int32Array, at: number): number {
  return words[at >> 2] as number; // SAFETY: the caller keeps `at` below their length.
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  ); // SAFETY: the caller keeps `at + 3` in range.
}

/**
 * A mix of 128 bits in plain arithmetic, for simulations: it finds damage, and is no protection
 * against forgery.
 */
export const mix128: ChecksumFunction = { name: 'mix128', hash: mix };
