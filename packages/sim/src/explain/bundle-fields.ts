import { SEED_MAX } from '../std/seed-max.ts';
/** Why a file is no bundle that can be replayed, in one line. */
export class BadBundle extends Error {
  override readonly name = 'BadBundle';
}

/** Fields of a JSON object, read with checks; what is wrong is thrown as a `BadBundle`. */
export class Fields {
  readonly value: Readonly<Record<string, unknown>>;
  private readonly path: string;

  private constructor(value: Readonly<Record<string, unknown>>, path: string) {
    this.value = value;
    this.path = path;
  }

  /** The object in a text. */
  static parse(text: string): Fields {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new BadBundle('it is not JSON');
    }
    if (!isRecord(value)) throw new BadBundle('it is not an object');
    return new Fields(value, '');
  }

  text(name: string): string {
    const value = this.value[name];
    if (typeof value !== 'string') throw this.wrong(name, 'a text');
    return value;
  }

  textOrNull(name: string): string | null {
    return this.value[name] === null ? null : this.text(name);
  }

  /** A whole number from 0. */
  count(name: string): number {
    const value = this.value[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw this.wrong(name, 'a whole number');
    }
    return value;
  }

  /** A seed: decimal digits, below 2^64. */
  seed(name: string): bigint {
    const text = this.text(name);
    if (!/^[0-9]{1,20}$/.test(text) || BigInt(text) > SEED_MAX) {
      throw this.wrong(name, 'a number from 0 to 2^64 - 1, as a text');
    }
    return BigInt(text);
  }

  object(name: string): Fields {
    const value = this.value[name];
    if (!isRecord(value)) throw this.wrong(name, 'an object');
    return new Fields(value, `${this.path}${name}.`);
  }

  list(name: string): readonly unknown[] {
    const value: unknown = this.value[name];
    if (!Array.isArray(value)) throw this.wrong(name, 'a list');
    return value as readonly unknown[]; // SAFETY: an array of whatever.
  }

  private wrong(name: string, what: string): BadBundle {
    const missing = Object.hasOwn(this.value, name) ? '' : ' (it is missing)';
    return new BadBundle(`${this.path}${name} must be ${what}${missing}`);
  }
}

/** An object that is not null and not a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
