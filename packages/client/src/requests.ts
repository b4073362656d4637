import {
  BYTES_DEFAULT,
  type Compare,
  type KeyOperation,
  type NumberTarget,
  prefixEnd,
  RANGE_LIMIT_MAX,
  type RangeOperation,
  type Relation,
} from '@kimberlite/kernel';
import { type Bytes, toBytes } from './bytes.ts';
import { invalidArgument } from './errors.ts';

/** Which keys, in ascending byte order: all, those with a prefix, or `from` (in) to `to` (out). */
export interface RangeRequest {
  readonly prefix?: Bytes;
  readonly from?: Bytes;
  readonly to?: Bytes;
  /** Entries, at most: 1 to 1,024, default 100. */
  readonly limit?: number;
  /** Leaves the values out. */
  readonly keysOnly?: boolean;
  /** Bytes of the entries, at most; default 16 KiB. The page ends before it would take more. */
  readonly bytesMax?: number;
}

/** A condition of a transaction. A value is compared for equality unless `relation` says else. */
export type TxnCompare =
  | { readonly key: Bytes; readonly target: 'exists' | 'absent' }
  | {
      readonly key: Bytes;
      readonly target: 'value';
      readonly relation?: Relation;
      readonly value: Bytes;
    }
  | {
      readonly key: Bytes;
      readonly target: NumberTarget;
      readonly relation?: Relation;
      readonly operand: number;
    };

/** Something that a transaction does. */
export type TxnOperation =
  | {
      readonly kind: 'put';
      readonly key: Bytes;
      readonly value: Bytes;
      /** Answer with what was there before. */
      readonly previous?: boolean;
    }
  | { readonly kind: 'get'; readonly key: Bytes; readonly bytesMax?: number }
  | { readonly kind: 'delete'; readonly key: Bytes | readonly Bytes[] }
  | ({ readonly kind: 'range' } & RangeRequest);

export interface TxnRequest {
  /** All must hold for `then`; none at all holds. */
  readonly compares?: readonly TxnCompare[];
  readonly then?: readonly TxnOperation[];
  readonly else?: readonly TxnOperation[];
}

const RANGE_LIMIT_DEFAULT = 100;
/** Reply bytes that the reads of one branch share when they do not say how much they want. */
const BRANCH_BYTES: number = 48 * 1024;

export function compareOf(compare: TxnCompare): Compare {
  const key = toBytes(compare.key, 'a key');
  switch (compare.target) {
    case 'exists':
    case 'absent':
      return { target: compare.target, key };
    case 'value': {
      const value = toBytes(compare.value, 'a value');
      return { target: 'value', key, relation: compare.relation ?? 'equal', value };
    }
    case 'createRevision':
    case 'modRevision':
    case 'version': {
      const { target, operand } = compare;
      if (!Number.isSafeInteger(operand) || operand < 0) {
        throw invalidArgument(`${target} is compared with a whole number, not ${String(operand)}`);
      }
      return { target, key, relation: compare.relation ?? 'equal', operand };
    }
    default:
      throw invalidArgument('a compare looks at exists, absent, value, a revision or the version');
  }
}

/** The operations of a branch; its reads share the room of the reply. */
export function branchOf(operations: readonly TxnOperation[]): KeyOperation[] {
  const reads = operations.filter((operation) => {
    return operation.kind !== 'delete' && !(operation.kind === 'put' && !operation.previous);
  });
  const share = Math.min(BYTES_DEFAULT, Math.floor(BRANCH_BYTES / Math.max(1, reads.length)));
  return operations.map((operation) => operationOf(operation, share));
}

function operationOf(operation: TxnOperation, share: number): KeyOperation {
  switch (operation.kind) {
    case 'put': {
      const key = toBytes(operation.key, 'a key');
      const value = toBytes(operation.value, 'a value');
      return { kind: 'put', key, value, previousBytesMax: operation.previous ? share : null };
    }
    case 'get':
      return {
        kind: 'get',
        key: toBytes(operation.key, 'a key'),
        bytesMax: natural('bytesMax', operation.bytesMax ?? share),
      };
    case 'delete':
      return { kind: 'delete', keys: keysOf(operation.key) };
    case 'range':
      return rangeOf({ bytesMax: share, ...operation });
    default:
      throw invalidArgument('an operation is a put, get, delete or range');
  }
}

export function keysOf(keys: Bytes | readonly Bytes[]): Uint8Array[] {
  if (typeof keys === 'string' || keys instanceof Uint8Array) return [toBytes(keys, 'a key')];
  if (!Array.isArray(keys)) throw invalidArgument('keys are a key or a list of keys');
  return keys.map((key: Bytes) => toBytes(key, 'a key'));
}

export function rangeOf(request: RangeRequest): RangeOperation {
  const { prefix, from, to } = request;
  if (prefix !== undefined && (from !== undefined || to !== undefined)) {
    throw invalidArgument('a range has a prefix, or from and to, not both');
  }
  const start = toBytes(prefix ?? from ?? '', 'a bound of a range');
  const end = to === undefined ? null : toBytes(to, 'a bound of a range');
  const limit = natural('limit', request.limit ?? RANGE_LIMIT_DEFAULT);
  if (limit < 1 || limit > RANGE_LIMIT_MAX) {
    throw invalidArgument(`a range's limit is 1 to ${RANGE_LIMIT_MAX}, not ${limit}`);
  }
  return {
    kind: 'range',
    from: start,
    to: prefix === undefined ? end : prefixEnd(start),
    limit,
    keysOnly: request.keysOnly ?? false,
    bytesMax: natural('bytesMax', request.bytesMax ?? BYTES_DEFAULT),
  };
}

/** A natural number of at most 53 bits; throws `invalid_argument`. */
export function natural(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw invalidArgument(`${name} is a whole number, 0 or more, not ${String(value)}`);
}
