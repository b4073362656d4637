/**
 * Thrown when the program itself is wrong. Nothing catches it: a replica that finds itself in an
 * impossible state must stop before it can answer wrongly.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Checks what only a bug can break. Stays on in production. */
export function assert(condition: boolean, message = 'assertion failed'): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Ends a switch over a closed union: adding a case breaks the build here. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}

/** Returns the value, or stops: for what an invariant guarantees to be there. */
export function present<T>(value: T | null | undefined, message = 'value must be present'): T {
  if (value === null || value === undefined) throw new AssertionError(message);
  return value;
}
