/**
 * UTF-8 by hand, for tests that speak of the kernel's keys and values as text: the pure packages
 * compile without the platform's encoder. Whatever runs on a platform has that.
 */

const REPLACEMENT = 0xfffd;

/** Encodes; a lone surrogate becomes U+FFFD, as everywhere in the platform. */
export function utf8Encode(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3);
  let at = 0;
  for (let index = 0; index < text.length; index += 1) {
    let point = text.codePointAt(index) ?? REPLACEMENT;
    if (point > 0xffff) index += 1;
    else if (point >= 0xd800 && point <= 0xdfff) point = REPLACEMENT;
    at = writePoint(bytes, at, point);
  }
  return bytes.slice(0, at);
}

/** Decodes; null for bytes that are not well-formed UTF-8. */
export function utf8Decode(bytes: Uint8Array): string | null {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at] ?? 0;
    if (first < 0x80) {
      text += String.fromCharCode(first);
      at += 1;
      continue;
    }
    const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    const point = readPoint(bytes, at, size);
    if (point < 0) return null;
    text += String.fromCodePoint(point);
    at += size;
  }
  return text;
}

function writePoint(bytes: Uint8Array, offset: number, point: number): number {
  let at = offset;
  if (point < 0x80) {
    bytes[at++] = point;
    return at;
  }
  if (point < 0x800) {
    bytes[at++] = 0xc0 | (point >> 6);
  } else {
    if (point < 0x10000) {
      bytes[at++] = 0xe0 | (point >> 12);
    } else {
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
    }
    bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
  }
  bytes[at++] = 0x80 | (point & 0x3f);
  return at;
}

/** Smallest code point that needs as many bytes; a shorter one in them is overlong. */
const LEAST = [0, 0, 0x80, 0x800, 0x10000] as const;

/** The code point in `size` bytes, or -1. */
function readPoint(bytes: Uint8Array, at: number, size: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0xc2 || first > 0xf4 || at + size > bytes.length) return -1;
  let point = first & (0x7f >> size);
  for (let index = 1; index < size; index += 1) {
    const next = bytes[at + index] ?? 0;
    if ((next & 0xc0) !== 0x80) return -1;
    point = (point << 6) | (next & 0x3f);
  }
  const least = LEAST[size] ?? 0;
  if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return -1;
  return point;
}
