import { encodeResults, type Result } from '@kimberlite/kernel';

/** Bytes as a name for sets and comparisons: one character a byte. */
export function nameOf(bytes: Uint8Array): string {
  let name = '';
  for (const byte of bytes) name += String.fromCharCode(byte);
  return name;
}

/** The same for equal results, and only for those. */
export function nameOfResults(results: readonly Result[]): string {
  return nameOf(encodeResults(results));
}
