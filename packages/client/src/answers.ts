import type {
  KeyEntry,
  KeyOperationResult,
  KeyRecord,
  RangeAtResult,
  RangeResult,
  RefusedResult,
  Result,
} from '@kimberlite/kernel';
import { keyAfter } from '@kimberlite/kernel';
import { own } from './bytes.ts';
import { ClientError } from './errors.ts';

/** A key that was read, with its value. */
export interface KeyValue extends KeyRecord {
  readonly value: Uint8Array;
}

/**
 * A part of a range. Pages are each consistent; two pages are two moments, but at a revision all
 * are one. A page may be empty and not the last: among many deleted keys.
 */
export interface RangePage {
  readonly entries: readonly KeyEntry[];
  /** There are more keys in the range. */
  readonly more: boolean;
  /** The `from` of the next page; null at the end. */
  readonly next: Uint8Array | null;
}

/** What a transaction did. */
export interface TxnOutcome {
  /** Whether the compares held: which branch ran. */
  readonly succeeded: boolean;
  /** Null when nothing changed. */
  readonly revision: number | null;
  /** One for each operation of the branch that ran. */
  readonly results: readonly KeyOperationResult[];
}

/** The result of the expected kind; throws what the kernel refused, as a definite error. */
export function expectKind<K extends Result['kind']>(
  result: Result,
  kind: K,
): Extract<Result, { readonly kind: K }> {
  if (result.kind === kind) {
    return result as Extract<Result, { readonly kind: K }>; // SAFETY: the kind was compared.
  }
  if (result.kind === 'refused') throw refusalError(result);
  const message = `the reply has a result of another kind (${result.kind})`;
  throw new ClientError({ code: 'bad_reply', message, definite: false });
}

/** A refusal of the kernel as an error; it was replicated, and nothing was changed. */
export function refusalError(result: RefusedResult): ClientError {
  switch (result.reason) {
    case 'unknown_stream':
      return definite('unknown_stream', 'there is no such stream');
    case 'stream_exists':
      return definite('stream_exists', 'a stream of this name is already there');
    case 'wrong_offset': {
      const length = result.actual ?? 0;
      const message = `the offset does not fit; the stream has ${length} events`;
      return new ClientError({ code: 'wrong_offset', message, definite: true, length });
    }
    case 'compacted': {
      const revision = result.actual ?? 0;
      const message = `this revision is compacted; the lowest that can be read is ${revision}`;
      return new ClientError({ code: 'compacted', message, definite: true, revision });
    }
    case 'future_revision': {
      const revision = result.actual ?? 0;
      const message = `there is no such revision yet; the newest is ${revision}`;
      return new ClientError({ code: 'future_revision', message, definite: true, revision });
    }
    case 'no_space':
      return definite(
        'no_space',
        'the state has reached the limit that the cluster was formatted with',
      );
    case 'too_large':
      return definite('too_large', 'the call, or the reply that it asks for, is too large');
    default:
      return definite('refused', `the call was refused (${result.reason})`);
  }
}

function definite(
  code: 'unknown_stream' | 'stream_exists' | 'too_large' | 'no_space' | 'refused',
  message: string,
): ClientError {
  return new ClientError({ code, message, definite: true });
}

export function ownRecord(record: KeyRecord): KeyRecord {
  return { ...record, value: record.value === null ? null : own(record.value) };
}

/** The page that a result is, and where the next one begins. */
export function rangePage(result: RangeResult | RangeAtResult): RangePage {
  const { entries, more, reached } = result;
  const last = entries.at(-1)?.key ?? reached;
  const next = more && last !== null ? keyAfter(last) : null;
  return { entries: entries.map(ownEntry), more, next };
}

function ownEntry(entry: KeyEntry): KeyEntry {
  return { ...ownRecord(entry), key: own(entry.key) };
}

/** A result with bytes of its own. */
export function ownResult(result: KeyOperationResult): KeyOperationResult {
  switch (result.kind) {
    case 'put':
      return {
        ...result,
        previous: result.previous === null ? null : ownRecord(result.previous),
      };
    case 'get':
      return { ...result, record: result.record === null ? null : ownRecord(result.record) };
    case 'range':
      return { ...result, entries: result.entries.map(ownEntry) };
    case 'delete':
      return result;
    default:
      return result;
  }
}
