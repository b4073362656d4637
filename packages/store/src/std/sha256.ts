import { type ChecksumFunction, checksumOfDigest } from './checksum.ts';

/**
 * SHA-256 (FIPS 180-4) in plain TypeScript, for where no native one exists: the simulator, the
 * browser, and the kernel's event chains, whose value must not depend on the host. The server
 * injects the native one for checksums.
 */
export function sha256(bytes: Uint8Array): Uint8Array {
  const state = new Int32Array(INITIAL);
  const schedule = new Int32Array(64);
  const whole = bytes.length & ~(BLOCK_SIZE - 1);
  for (let at = 0; at < whole; at += BLOCK_SIZE) compress(state, schedule, bytes, at);
  const tail = padTail(bytes, whole);
  for (let at = 0; at < tail.length; at += BLOCK_SIZE) compress(state, schedule, tail, at);
  const digest = new Uint8Array(DIGEST_SIZE);
  const view = new DataView(digest.buffer);
  for (let index = 0; index < state.length; index += 1) {
    view.setInt32(index * 4, word(state, index), false);
  }
  return digest;
}

/** SHA-256 cut to 128 bits: the checksum of clusters that ship. */
export const sha256Checksum: ChecksumFunction = {
  name: 'sha256-128',
  hash: (bytes) => checksumOfDigest(sha256(bytes)),
};

const BLOCK_SIZE = 64;
const DIGEST_SIZE = 32;

/** First 32 bits of the fractional parts of the square roots of the first 8 primes. */
const INITIAL = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
] as const;

/** First 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUND = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** What is left from `whole` on, a one bit, zeros, and the length in bits at the end of a block. */
function padTail(bytes: Uint8Array, whole: number): Uint8Array {
  const rest = bytes.length - whole;
  const tail = new Uint8Array(rest + 9 > BLOCK_SIZE ? BLOCK_SIZE * 2 : BLOCK_SIZE);
  tail.set(bytes.subarray(whole));
  tail[rest] = 0x80;
  const view = new DataView(tail.buffer);
  view.setUint32(tail.length - 8, Math.floor(bytes.length / 0x20000000), false);
  view.setUint32(tail.length - 4, (bytes.length << 3) >>> 0, false);
  return tail;
}

/** An element that is there: every index below is a constant or a bounded loop's. */
function word(words: Int32Array | Uint8Array, index: number): number {
  return words[index] as number; // SAFETY: the caller keeps the index in range.
}

function rotateRight(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits));
}

/** Fills the message schedule from one block. */
function expand(schedule: Int32Array, block: Uint8Array, offset: number): void {
  for (let index = 0; index < 16; index += 1) {
    const at = offset + index * 4;
    schedule[index] =
      (word(block, at) << 24) |
      (word(block, at + 1) << 16) |
      (word(block, at + 2) << 8) |
      word(block, at + 3);
  }
  for (let index = 16; index < 64; index += 1) {
    const near = word(schedule, index - 2);
    const far = word(schedule, index - 15);
    const small = rotateRight(far, 7) ^ rotateRight(far, 18) ^ (far >>> 3);
    const large = rotateRight(near, 17) ^ rotateRight(near, 19) ^ (near >>> 10);
    schedule[index] = (word(schedule, index - 16) + small + word(schedule, index - 7) + large) | 0;
  }
}

function compress(
  state: Int32Array,
  schedule: Int32Array,
  block: Uint8Array,
  offset: number,
): void {
  expand(schedule, block, offset);
  let a = word(state, 0);
  let b = word(state, 1);
  let c = word(state, 2);
  let d = word(state, 3);
  let e = word(state, 4);
  let f = word(state, 5);
  let g = word(state, 6);
  let h = word(state, 7);
  for (let index = 0; index < 64; index += 1) {
    const large1 = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25);
    const choice = (e & f) ^ (~e & g);
    const step = (h + large1 + choice + word(ROUND, index) + word(schedule, index)) | 0;
    const large0 = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + step) | 0;
    d = c;
    c = b;
    b = a;
    a = (step + large0 + majority) | 0;
  }
  state[0] = (word(state, 0) + a) | 0;
  state[1] = (word(state, 1) + b) | 0;
  state[2] = (word(state, 2) + c) | 0;
  state[3] = (word(state, 3) + d) | 0;
  state[4] = (word(state, 4) + e) | 0;
  state[5] = (word(state, 5) + f) | 0;
  state[6] = (word(state, 6) + g) | 0;
  state[7] = (word(state, 7) + h) | 0;
}
