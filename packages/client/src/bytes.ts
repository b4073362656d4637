import { invalidArgument } from './errors.ts';

/** A key, value, name or event: text (sent as UTF-8) or bytes. */
export type Bytes = string | Uint8Array;

const encoder = new TextEncoder();

/**
 * Bytes of our own: what the caller does to its buffer afterwards changes nothing. Plain ones, for
 * the `slice` of a Buffer does not copy.
 */
export function toBytes(value: Bytes, what: string): Uint8Array {
  if (typeof value === 'string') {
    // The encoder would put U+FFFD in its place, and two different keys would become one.
    const at = value.search(/\p{Surrogate}/u);
    if (at < 0) return encoder.encode(value);
    throw invalidArgument(
      `${what} has half a surrogate pair at ${at}, which is no text; pass bytes`,
    );
  }
  if (value instanceof Uint8Array) return new Uint8Array(value);
  throw invalidArgument(`${what} must be a string or a Uint8Array`);
}

/** Reads bytes as UTF-8; what is not well-formed becomes U+FFFD. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** A copy, so that a small value does not keep the whole reply in memory. */
export function own(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
