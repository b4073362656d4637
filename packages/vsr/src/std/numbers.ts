import { assert, Checksum } from '@kimberlite/store';

export { Checksum };

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A view number: 0, 1, 2, … The primary of a view is a function of the view alone. */
export type View = Brand<number, 'View'>;
/**
 * A position in the replicated log. Op 0 is the root, written by format; the first request is op
 * 1.
 */
export type Op = Brand<number, 'Op'>;
/** A 128-bit random identity that a client session picks for itself; never zero. */
export type ClientId = Brand<bigint, 'ClientId'>;

/**
 * Highest number that is taken from a 64-bit field of a message. Replicas count on from what they
 * are told, and write what they come to: from so far below 2^53 no liar makes them count beyond
 * what is exact.
 */
export const NUMBER_MAX: number = 2 ** 53 - 2 ** 32;

const U128_LIMIT = 1n << 128n;

export function View(value: number): View {
  assert(Number.isSafeInteger(value) && value >= 0, 'view is a natural number');
  return value as View;
}

export function Op(value: number): Op {
  assert(Number.isSafeInteger(value) && value >= 0, 'op is a natural number');
  return value as Op;
}

export function ClientId(value: bigint): ClientId {
  assert(value >= 0n && value < U128_LIMIT, 'client id is 128 bits');
  return value as ClientId;
}

export function opNext(op: Op): Op {
  return Op(op + 1);
}

/** The op before; op 0 has none. */
export function opPrevious(op: Op): Op {
  return Op(op - 1);
}

export function opMax(first: Op, other: Op): Op {
  return first > other ? first : other;
}

export function opMin(first: Op, other: Op): Op {
  return first < other ? first : other;
}

export function viewMax(first: View, other: View): View {
  return first > other ? first : other;
}

/** Stands for no checksum. */
export const ZERO_CHECKSUM: Checksum = Checksum(0n);
export const NO_CLIENT: ClientId = ClientId(0n);
