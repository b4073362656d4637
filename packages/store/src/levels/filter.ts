/** Bits a record: about one key in a hundred that is not there seems to be. */
const BITS_PER_RECORD = 10;
const PROBES = 6;

/** Bytes of the filter of a leaf with this many records. */
export function filterSize(records: number): number {
  return Math.ceil((records * BITS_PER_RECORD) / 8);
}

/**
 * A Bloom filter over the keys of one leaf, given by their `hashBytes`. It lies in the index page
 * above the leaf, so a run carries its filter without a structure of its own, and an unfinished run
 * has one for what it has so far.
 */
export function filterBuild(hashes: Int32Array, count: number): Uint8Array {
  const filter = new Uint8Array(filterSize(count));
  const bits = filter.length * 8;
  for (let index = 0; index < count; index += 1) {
    let at = (hashes[index] as number) >>> 0; // SAFETY: index < count ≤ length.
    const stride = strideOf(at);
    for (let probe = 0; probe < PROBES; probe += 1) {
      const bit = at % bits;
      filter[bit >>> 3] = (filter[bit >>> 3] as number) | (1 << (bit & 7)); // SAFETY: bit < bits.
      at = (at + stride) >>> 0;
    }
  }
  return filter;
}

/** False when no key with this hash is in the leaf; an empty filter says nothing. */
export function filterAdmits(page: Uint8Array, start: number, size: number, hash: number): boolean {
  if (size === 0) return true;
  const bits = size * 8;
  let at = hash >>> 0;
  const stride = strideOf(at);
  for (let probe = 0; probe < PROBES; probe += 1) {
    const bit = at % bits;
    const byte = page[start + (bit >>> 3)] as number; // SAFETY: bit < bits.
    if ((byte & (1 << (bit & 7))) === 0) return false;
    at = (at + stride) >>> 0;
  }
  return true;
}

function strideOf(hash: number): number {
  return (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) | 1) >>> 0;
}
