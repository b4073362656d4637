import type { ReadLevel } from '@kimberlite/vsr';
import { checkObject, meant, objectShape, type Shape, shown } from './arguments.ts';
import { invalidArgument } from './errors.ts';
import { CALL_FIELDS, type CallOptions } from './options.ts';

/**
 * How fresh an answer must be. `linearizable`: every write that was answered to anybody before the
 * read was called. `{ boundedMillis }`: every write that was answered that many milliseconds before
 * the answer was given, or the error `too_stale`. `local`: whatever the replica that is asked has
 * executed. No answer goes back behind what this client has seen, at any level.
 */
export type Consistency = 'linearizable' | 'local' | { readonly boundedMillis: number };

/** What every read takes. */
export interface ReadOptions extends CallOptions {
  /** Default `linearizable`. */
  readonly consistency?: Consistency;
  /**
   * The replica that is asked first: the primary, or the one that has answered fastest. Default:
   * the primary for linearizable reads, which it confirms anyway, and the nearest for the others.
   */
  readonly prefer?: 'primary' | 'nearest';
}

/** What reads of keys take. */
export interface KeyReadOptions extends ReadOptions {
  /**
   * Reads what was there just after this revision; left out: the present. Rejects with `compacted`
   * or `future_revision` where that can't be told (any more, or yet).
   */
  readonly revision?: number;
}

/** The fields of `ReadOptions`, for the shapes of all that extend it. */
export const READ_FIELDS: Shape<ReadOptions>['fields'] = {
  ...CALL_FIELDS,
  consistency: true,
  prefer: true,
};
export const KEY_READ_FIELDS: Shape<KeyReadOptions>['fields'] = { ...READ_FIELDS, revision: true };
const BOUND: Shape<Extract<Consistency, object>> = objectShape('a bounded consistency', {
  boundedMillis: true,
});

/** The same, checked. */
export interface ReadMode {
  readonly level: ReadLevel;
  /** Milliseconds; zero but for `bounded`. */
  readonly lagMax: number;
  readonly prefer: 'primary' | 'nearest';
}

/** A day: longer bounds are meant as `local`. */
const BOUND_MAX = 24 * 60 * 60 * 1000;

/** Checks the options of a read; throws `invalid_argument`. */
export function readModeOf(options: ReadOptions): ReadMode {
  const { consistency = 'linearizable' } = options;
  if (consistency === 'linearizable') {
    return { level: 'linearizable', lagMax: 0, prefer: preferenceOf(options, 'primary') };
  }
  const prefer = preferenceOf(options, 'nearest');
  if (consistency === 'local') return { level: 'local', lagMax: 0, prefer };
  const rule =
    "consistency is 'linearizable', 'local' or { boundedMillis } with whole milliseconds of 1 to " +
    'a day';
  if (typeof consistency !== 'object' || consistency === null) {
    const hint = meant(consistency, ['linearizable', 'local']);
    throw invalidArgument(`${rule}, not ${shown(consistency)}${hint}`);
  }
  checkObject(consistency, BOUND);
  const { boundedMillis: bound } = consistency;
  if (!Number.isSafeInteger(bound) || bound < 1 || bound > BOUND_MAX) throw invalidArgument(rule);
  return { level: 'bounded', lagMax: bound, prefer };
}

function preferenceOf({ prefer }: ReadOptions, otherwise: ReadMode['prefer']): ReadMode['prefer'] {
  if (prefer === undefined) return otherwise;
  if (prefer === 'primary' || prefer === 'nearest') return prefer;
  const hint = meant(prefer, ['primary', 'nearest']);
  throw invalidArgument(`prefer is 'primary' or 'nearest', not ${shown(prefer)}${hint}`);
}
