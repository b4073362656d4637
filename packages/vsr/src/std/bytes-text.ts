/** Bytes that a text shows, usually. */
const SHOWN_MAX = 32;

/**
 * Bytes for people: hexadecimal, and what of them is printable ASCII with a point for the rest, as
 * in `6b6579 "key"`. Of more than `most` bytes the first ones, and how many there are.
 */
export function bytesText(bytes: Uint8Array, most: number = SHOWN_MAX): string {
  if (bytes.length === 0) return 'no bytes';
  const shown = bytes.subarray(0, most);
  let hex = '';
  let ascii = '';
  for (const byte of shown) {
    hex += byte.toString(16).padStart(2, '0');
    ascii += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
  }
  const more = bytes.length > most ? `... (${bytes.length} bytes)` : '';
  return `${hex} "${ascii}"${more}`;
}
