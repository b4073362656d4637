import type { Compare, NumberTarget, Relation } from '@kimberlite/kernel';
import {
  checkObject,
  expectObject,
  meant,
  objectShape,
  oneOf,
  type Shape,
  shown,
} from './arguments.ts';
import { type Bytes, toBytes } from './bytes.ts';
import { type ClientError, invalidArgument } from './errors.ts';

/** A condition of a transaction. A value is compared for equality unless `relation` says else. */
export type TxnCompare = PresenceCompare | ValueCompare | NumberCompare;

/** Holds when the key is there, or is not. */
export interface PresenceCompare {
  readonly key: Bytes;
  readonly target: 'exists' | 'absent';
}

/** Compares the key's value by its bytes. Of an absent key nothing holds, `notEqual` neither. */
export interface ValueCompare {
  readonly key: Bytes;
  readonly target: 'value';
  /** Of the value to `value`; default `equal`. */
  readonly relation?: Relation;
  readonly value: Bytes;
}

/** Compares a number of the key; of an absent key each is 0. */
export interface NumberCompare {
  readonly key: Bytes;
  readonly target: NumberTarget;
  /** Of the number to `operand`; default `equal`. */
  readonly relation?: Relation;
  /** A whole number, 0 or more. */
  readonly operand: number;
}

const COMPARED = { key: true, target: true } as const;
const PRESENCE: Shape<PresenceCompare> = objectShape('a compare of presence', COMPARED);
const VALUE: Shape<ValueCompare> = objectShape('a compare of a value', {
  ...COMPARED,
  relation: true,
  value: true,
});
const NUMBER: Shape<NumberCompare> = objectShape('a compare of a revision or version', {
  ...COMPARED,
  relation: true,
  operand: true,
});
/** Every target; the type keeps the list complete. */
const TARGETS: Readonly<Record<TxnCompare['target'], true>> = {
  exists: true,
  absent: true,
  value: true,
  createRevision: true,
  modRevision: true,
  version: true,
};
const RELATIONS: Readonly<Record<Relation, true>> = {
  equal: true,
  notEqual: true,
  greater: true,
  less: true,
};
/** What other languages, and the command line, write for them. */
const RELATION_SIGNS: ReadonlyMap<unknown, Relation> = new Map<unknown, Relation>([
  ['=', 'equal'],
  ['==', 'equal'],
  ['===', 'equal'],
  ['!=', 'notEqual'],
  ['!==', 'notEqual'],
  ['<>', 'notEqual'],
  ['>', 'greater'],
  ['<', 'less'],
]);

/** Checks a compare of a transaction; throws `invalid_argument`. */
export function compareOf(compare: TxnCompare): Compare {
  expectObject(compare, 'a compare');
  switch (compare.target) {
    case 'exists':
    case 'absent':
      checkObject(compare, PRESENCE);
      return { target: compare.target, key: toBytes(compare.key, 'a key') };
    case 'value': {
      checkObject(compare, VALUE);
      const value = toBytes(compare.value, 'a value');
      const relation = relationOf(compare.relation);
      return { target: 'value', key: toBytes(compare.key, 'a key'), relation, value };
    }
    case 'createRevision':
    case 'modRevision':
    case 'version': {
      checkObject(compare, NUMBER);
      const { target, operand } = compare;
      if (!Number.isSafeInteger(operand) || operand < 0) {
        throw invalidArgument(`${target} is compared with a whole number, not ${shown(operand)}`);
      }
      const relation = relationOf(compare.relation);
      return { target, key: toBytes(compare.key, 'a key'), relation, operand };
    }
    default:
      throw unknownTarget(compare);
  }
}

function unknownTarget({ target }: { readonly target: unknown }): ClientError {
  const names = Object.keys(TARGETS);
  const message = `the target of a compare is ${oneOf(names)}, not ${shown(target)}`;
  return invalidArgument(`${message}${meant(target, names)}`);
}

function relationOf(relation: Relation | undefined): Relation {
  if (relation === undefined) return 'equal';
  if (typeof relation === 'string' && Object.hasOwn(RELATIONS, relation)) return relation;
  const names = Object.keys(RELATIONS);
  const same = RELATION_SIGNS.get(relation);
  const hint = same === undefined ? meant(relation, names) : ` (did you mean ${same}?)`;
  throw invalidArgument(`a relation is ${oneOf(names)}, not ${shown(relation)}${hint}`);
}
