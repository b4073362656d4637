import { nearestName } from '@kimberlite/vsr';
import { ClientError, invalidArgument } from './errors.ts';

/**
 * The fields that an object of the caller may have. A misspelt one that was silently ignored would
 * take a guard with it: `expectOffset` appends whatever the length is.
 */
export interface Shape<T> {
  /** Names the object: "a range", "the options of put". */
  readonly whole: string;
  /** Names one of its fields: "a field of a range", "an option of put". */
  readonly part: string;
  /** Every field of the type, which keeps the list complete. */
  readonly fields: Readonly<Record<keyof T & string, true>>;
}

/** Options that nobody gave. */
export const NO_OPTIONS: Readonly<Record<never, never>> = Object.freeze({});

/**
 * `T` comes from the declared type alone: inferred from the fields, it would hide a field that the
 * type has no more.
 */
export function optionsShape<T>(call: string, fields: NoInfer<Shape<T>['fields']>): Shape<T> {
  return { whole: `the options of ${call}`, part: `an option of ${call}`, fields };
}

/** The same for an object that is no options. */
export function objectShape<T>(whole: string, fields: NoInfer<Shape<T>['fields']>): Shape<T> {
  return { whole, part: `a field of ${whole}`, fields };
}

/** Throws `invalid_argument` for what is no object, and for a field that the shape has not. */
export function checkObject<T extends object>(value: T, shape: Shape<T>): void {
  if (value === NO_OPTIONS) return;
  try {
    expectObject(value, shape.whole);
    const fields: Readonly<Record<string, true>> = shape.fields;
    // What is inherited is read like what is there, so it is looked at too.
    for (const name in value) if (fields[name] !== true) throw unknownField(name, shape);
  } catch (error) {
    throw argumentError(error);
  }
}

/** Throws `invalid_argument` for null, lists, maps, signals: all that is no object of fields. */
export function expectObject(value: unknown, whole: string): void {
  if (typeof value === 'object' && value !== null) {
    if (Object.getPrototypeOf(value) === Object.prototype) return;
    if (Object.prototype.toString.call(value) === '[object Object]') return;
  }
  throw invalidArgument(`${whole} must be a plain object, not ${shown(value)}`);
}

function unknownField<T>(name: string, { part, fields }: Shape<T>): ClientError {
  return invalidArgument(`${name} is not ${part}${meant(name, Object.keys(fields))}`);
}

/** The name that was probably meant, to be put behind a message; nothing where none is near. */
export function meant(word: unknown, names: readonly string[]): string {
  if (typeof word !== 'string' || word.length > WORD_MAX) return '';
  const nearest = nearestName(word, names);
  return nearest === null ? '' : ` (did you mean ${nearest}?)`;
}

/** Letters of a word that is compared with names; longer ones would only take time. */
const WORD_MAX = 64;

/** `a, b or c`. */
export function oneOf(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/** A list of the caller's, with a value in every place; throws `invalid_argument`. */
export function listOf<T>(value: readonly T[], what: string): readonly T[] {
  // A copy: a list with holes would have them skipped, and one of the caller's may change.
  if (Array.isArray(value)) return [...value];
  throw invalidArgument(`${what} must be a list, not ${shown(value)}`);
}

/** A natural number of at most 53 bits; throws `invalid_argument`. */
export function natural(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw invalidArgument(`${name} is a whole number, 0 or more, not ${shown(value)}`);
}

/** An option that is true or false, and false when left out; throws `invalid_argument`. */
export function flag(name: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw invalidArgument(`${name} is true or false, not ${shown(value)}`);
}

/** A value in a message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, WORD_MAX)}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? 'a list' : 'an object';
}

/**
 * What preparing a call threw, as the error that the caller gets. A getter or a proxy among the
 * arguments may throw anything; nothing was sent.
 */
export function argumentError(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  const message = 'the arguments of the call cannot be read';
  return new ClientError({ code: 'invalid_argument', message, definite: true, cause: error });
}

/** Reads arguments; throws ClientError and nothing else. */
export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw argumentError(error);
  }
}

/** A signal, or null for none; throws `invalid_argument`. */
export function signalOf(signal: AbortSignal | null | undefined): AbortSignal | null {
  if (signal === undefined || signal === null) return null;
  if (signal instanceof AbortSignal) return signal;
  throw invalidArgument(`signal is an AbortSignal, not ${shown(signal)}`);
}
