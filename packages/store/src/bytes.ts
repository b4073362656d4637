/** Orders byte strings: negative, zero or positive, as `first` is below, at or above `other`. */
export function compareBytes(first: Uint8Array, other: Uint8Array): number {
  const size = Math.min(first.length, other.length);
  for (let at = 0; at < size; at += 1) {
    const difference = (first[at] as number) - (other[at] as number); // SAFETY: at < both lengths.
    if (difference !== 0) return difference;
  }
  return first.length - other.length;
}

/**
 * A 32-bit hash of a key for lookups in memory. It never decides what is written where: only the
 * order of the bytes does.
 */
export function hashBytes(bytes: Uint8Array): number {
  let hash = 0x3c6ef372 ^ bytes.length;
  const whole = bytes.length & ~3;
  let at = 0;
  for (; at < whole; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24); // SAFETY: at + 3 < whole.
    hash = Math.imul(hash ^ Math.imul(word, 0x2c1b3c6d), 0x297a2d39);
    hash ^= hash >>> 15;
  }
  for (; at < bytes.length; at += 1) {
    hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193); // SAFETY: at < length.
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}
