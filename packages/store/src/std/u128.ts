/** Numbers that are remembered: a few hundred go around in a cluster at a time. */
const KNOWN = 1024;
const knownWords = new Int32Array(4 * KNOWN);
const knownValues: bigint[] = new Array<bigint>(KNOWN).fill(0n);

/** Reads a 128-bit little-endian number. */
export function readU128(view: DataView, offset: number): bigint {
  return u128Of(
    view.getInt32(offset, true),
    view.getInt32(offset + 4, true),
    view.getInt32(offset + 8, true),
    view.getInt32(offset + 12, true),
  );
}

/**
 * The number of these four words, the lowest first. Making a bigint of 128 bits takes half a dozen
 * allocations, and most numbers come again soon (of the cluster, of a file, of a checkpoint, a
 * checksum that was just computed): one that is known is looked up instead, by its lowest bits.
 */
export function u128Of(w0: number, w1: number, w2: number, w3: number): bigint {
  const place = w0 & (KNOWN - 1);
  const at = 4 * place;
  if (
    knownWords[at] === w0 &&
    knownWords[at + 1] === w1 &&
    knownWords[at + 2] === w2 &&
    knownWords[at + 3] === w3
  ) {
    return knownValues[place] as bigint; // SAFETY: there is one for each place.
  }
  knownWords[at] = w0;
  knownWords[at + 1] = w1;
  knownWords[at + 2] = w2;
  knownWords[at + 3] = w3;
  const low = (BigInt(w1 >>> 0) << 32n) | BigInt(w0 >>> 0);
  const high = (BigInt(w3 >>> 0) << 32n) | BigInt(w2 >>> 0);
  const value = (high << 64n) | low;
  knownValues[place] = value;
  return value;
}

/** Writes a 128-bit little-endian number. */
export function writeU128(view: DataView, offset: number, value: bigint): void {
  // Stores the lower 64 bits of whatever it is given.
  view.setBigUint64(offset, value, true);
  view.setBigUint64(offset + 8, value >> 64n, true);
}

/** Reads a 64-bit little-endian natural number; NaN when it is above 2^53 - 1. */
export function readU64(view: DataView, offset: number): number {
  const high = view.getUint32(offset + 4, true);
  if (high > 0x1fffff) return Number.NaN;
  return high * 4294967296 + view.getUint32(offset, true);
}

/** Writes a safe natural number as 64 bits, little-endian. */
export function writeU64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / 4294967296), true);
}
