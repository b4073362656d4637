import {
  BYTES_DEFAULT,
  BYTES_MAX,
  type Compare,
  type KeyOperation,
  prefixEnd,
  RANGE_LIMIT_MAX,
  type RangeOperation,
} from '@kimberlite/kernel';
import {
  checkObject,
  expectObject,
  flag,
  listOf,
  meant,
  natural,
  objectShape,
  oneOf,
  type Shape,
  shown,
} from './arguments.ts';
import { type Bytes, toBytes } from './bytes.ts';
import { compareOf, type TxnCompare } from './compare.ts';
import { type ClientError, invalidArgument } from './errors.ts';

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

/** Something that a transaction does. */
export type TxnOperation =
  | {
      readonly kind: 'put';
      readonly key: Bytes;
      readonly value: Bytes;
      /** Answer with what was there before. */
      readonly previous?: boolean;
    }
  | {
      readonly kind: 'get';
      readonly key: Bytes;
      /**
       * A longer value is withheld. Default: an even share of 48 KiB among the reads of the branch,
       * 16 KiB at most; the same for a range.
       */
      readonly bytesMax?: number;
    }
  | { readonly kind: 'delete'; readonly key: Bytes | readonly Bytes[] }
  | ({ readonly kind: 'range' } & RangeRequest);

/** All keys of a range, however many. `bytesMax` is of each page that is asked for. */
export type ScanRequest = Omit<RangeRequest, 'limit'>;

/**
 * A transaction: all compares look at the state before it, then one branch runs in order, each
 * operation seeing those before it. In one revision, all of it or nothing. At most 128 compares,
 * and 128 operations a branch; more is `too_large`.
 */
export interface TxnRequest {
  /** All must hold for `then`; none at all holds. */
  readonly compares?: readonly TxnCompare[];
  readonly then?: readonly TxnOperation[];
  /** For compares that do not hold; left out or empty: nothing is done. */
  readonly else?: readonly TxnOperation[];
}

const RANGE_LIMIT_DEFAULT = 100;
/** Reply bytes that the reads of one branch share when they do not say how much they want. */
const BRANCH_BYTES: number = 48 * 1024;

const SCAN_FIELDS: Shape<ScanRequest>['fields'] = {
  prefix: true,
  from: true,
  to: true,
  keysOnly: true,
  bytesMax: true,
};
const RANGE_FIELDS: Shape<RangeRequest>['fields'] = { ...SCAN_FIELDS, limit: true };
const RANGE: Shape<RangeRequest> = objectShape('a range', RANGE_FIELDS);
const SCAN: Shape<ScanRequest> = objectShape('a scan', SCAN_FIELDS);
const TXN: Shape<TxnRequest> = objectShape('a transaction', {
  compares: true,
  then: true,
  else: true,
});

type Operation<K extends TxnOperation['kind']> = Extract<TxnOperation, { readonly kind: K }>;
/** A shape for each kind; the type keeps the list complete. */
const OPERATIONS: { readonly [K in TxnOperation['kind']]: Shape<Operation<K>> } = {
  put: objectShape('a put in a transaction', {
    kind: true,
    key: true,
    value: true,
    previous: true,
  }),
  get: objectShape('a get in a transaction', { kind: true, key: true, bytesMax: true }),
  delete: objectShape('a delete in a transaction', { kind: true, key: true }),
  range: objectShape('a range in a transaction', { kind: true, ...RANGE_FIELDS }),
};

/** The parts of a transaction, checked; throws `invalid_argument`. */
export function txnOf(request: TxnRequest): {
  readonly compares: readonly Compare[];
  readonly then: readonly KeyOperation[];
  readonly else: readonly KeyOperation[];
} {
  checkObject(request, TXN);
  const { compares = [], then = [], else: other = [] } = request;
  return {
    compares: listOf(compares, 'compares').map(compareOf),
    then: branchOf(listOf(then, 'then')),
    else: branchOf(listOf(other, 'else')),
  };
}

/** The operations of a branch; its reads share the room of the reply. */
function branchOf(operations: readonly TxnOperation[]): KeyOperation[] {
  for (const operation of operations) checkOperation(operation);
  const reads = operations.filter((operation) => {
    return operation.kind !== 'delete' && !(operation.kind === 'put' && !operation.previous);
  });
  const share = Math.min(BYTES_DEFAULT, Math.floor(BRANCH_BYTES / Math.max(1, reads.length)));
  return operations.map((operation) => operationOf(operation, share));
}

function checkOperation(operation: TxnOperation): void {
  expectObject(operation, 'an operation');
  switch (operation.kind) {
    case 'put':
      return checkObject(operation, OPERATIONS.put);
    case 'get':
      return checkObject(operation, OPERATIONS.get);
    case 'delete':
      return checkObject(operation, OPERATIONS.delete);
    case 'range':
      return checkObject(operation, OPERATIONS.range);
    default:
      throw unknownKind(operation);
  }
}

function unknownKind({ kind }: { readonly kind: unknown }): ClientError {
  const names = Object.keys(OPERATIONS);
  const message = `the kind of an operation is ${oneOf(names)}, not ${shown(kind)}`;
  return invalidArgument(`${message}${meant(kind, names)}`);
}

function operationOf(operation: TxnOperation, share: number): KeyOperation {
  switch (operation.kind) {
    case 'put': {
      const key = toBytes(operation.key, 'a key');
      const value = toBytes(operation.value, 'a value');
      const previousBytesMax = flag('previous', operation.previous) ? share : null;
      return { kind: 'put', key, value, previousBytesMax };
    }
    case 'get': {
      const { key, bytesMax = share } = operation;
      return {
        kind: 'get',
        key: toBytes(key, 'a key'),
        bytesMax: natural('bytesMax', bytesMax),
      };
    }
    case 'delete':
      return { kind: 'delete', keys: keysOf(operation.key) };
    case 'range':
      return operationOfRange({ bytesMax: share, ...operation });
    default:
      throw unknownKind(operation);
  }
}

export function keysOf(keys: Bytes | readonly Bytes[]): Uint8Array[] {
  if (typeof keys === 'string' || keys instanceof Uint8Array) return [toBytes(keys, 'a key')];
  if (!Array.isArray(keys)) throw invalidArgument('keys are a key or a list of keys');
  return [...keys].map((key: Bytes) => toBytes(key, 'a key'));
}

/** Checks a range; throws `invalid_argument`. */
export function rangeOf(request: RangeRequest): RangeOperation {
  checkObject(request, RANGE);
  return operationOfRange(request);
}

/** The same for all entries of a range, as its first page. */
export function scanOf(request: ScanRequest): RangeOperation {
  checkObject(request, SCAN);
  return operationOfRange({ bytesMax: BYTES_MAX, ...request, limit: RANGE_LIMIT_MAX });
}

function operationOfRange(request: RangeRequest): RangeOperation {
  const { prefix, from, to } = request;
  if (prefix !== undefined && (from !== undefined || to !== undefined)) {
    throw invalidArgument('a range has a prefix, or from and to, not both');
  }
  const { limit = RANGE_LIMIT_DEFAULT, bytesMax = BYTES_DEFAULT } = request;
  const [start = ''] = [prefix, from].filter((bound) => bound !== undefined);
  const first = toBytes(start, 'a bound of a range');
  const end = to === undefined ? null : toBytes(to, 'a bound of a range');
  if (natural('limit', limit) < 1 || limit > RANGE_LIMIT_MAX) {
    throw invalidArgument(`a range's limit is 1 to ${RANGE_LIMIT_MAX}, not ${limit}`);
  }
  return {
    kind: 'range',
    from: first,
    to: prefix === undefined ? end : prefixEnd(first),
    limit,
    keysOnly: flag('keysOnly', request.keysOnly),
    bytesMax: natural('bytesMax', bytesMax),
  };
}
