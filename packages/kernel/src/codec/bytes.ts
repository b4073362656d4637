/** Small helpers on byte strings; the order of keys is theirs. */

/** Below, at or above 0 as `first` sorts before, with or after `other`: bytewise, shorter first. */
export function compareBytes(first: Uint8Array, other: Uint8Array): number {
  const common = Math.min(first.length, other.length);
  for (let at = 0; at < common; at += 1) {
    const difference = (first[at] ?? 0) - (other[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return first.length - other.length;
}

export function equalBytes(first: Uint8Array, other: Uint8Array): boolean {
  return first.length === other.length && compareBytes(first, other) === 0;
}

/** The smallest byte string above `key`: where a range goes on that stopped at it. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

/**
 * The smallest byte string above all that begin with `prefix`; null when there is none (an empty
 * prefix, or one of 0xff only).
 */
export function prefixEnd(prefix: Uint8Array): Uint8Array | null {
  let last = prefix.length - 1;
  while (last >= 0 && prefix[last] === 0xff) last -= 1;
  if (last < 0) return null;
  const end = prefix.slice(0, last + 1);
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

/** Bounds of a range over all keys that begin with `prefix`. */
export function prefixRange(prefix: Uint8Array): {
  readonly from: Uint8Array;
  readonly to: Uint8Array | null;
} {
  return { from: prefix, to: prefixEnd(prefix) };
}
