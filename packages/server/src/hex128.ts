/** A number of 128 bits, as 32 hexadecimal digits. */
export function hex128(value: bigint): string {
  return value.toString(16).padStart(32, '0');
}
