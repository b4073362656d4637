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
