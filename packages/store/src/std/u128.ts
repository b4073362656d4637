/** Reads a 128-bit little-endian number. */
export function readU128(view: DataView, offset: number): bigint {
  return (view.getBigUint64(offset + 8, true) << 64n) | view.getBigUint64(offset, true);
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
