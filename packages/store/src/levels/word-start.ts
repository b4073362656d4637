/**
 * The first bit of the 32 bit word in which a bit lies, for bits below 2^53. Not `bit & ~31`: that
 * makes numbers of 2^31 and above negative.
 */
export function wordStart(bit: number): number {
  return bit - (bit & 31);
}
