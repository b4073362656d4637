import { compareBytes } from '@kimberlite/store';
import type { Call, KeyOperation, RangeAtCall, RangeOperation } from './codec/call.ts';
import { encodeResults } from './codec/encode-results.ts';
import { KEY_MAX } from './codec/limits.ts';
import type { KeyEntry, RangeAtResult, RangeResult, Result } from './codec/result.ts';

/**
 * Whether a result is right where the model answers `expected`. A range may end before it has to,
 * among keys that were deleted: how many of them it comes by follows from how tables lie in memory
 * and on disk, of which the model knows nothing. But it must have gone on from where it began, have
 * left out nothing on its way, and say how far it came.
 */
export function modelAdmits(call: Call, expected: Result, given: Result): boolean {
  if (call.kind === 'txn' && expected.kind === 'txn' && given.kind === 'txn') {
    const branch = expected.succeeded ? call.then : call.else;
    return (
      given.succeeded === expected.succeeded &&
      given.revision === expected.revision &&
      given.results.length === expected.results.length &&
      expected.results.every((result, at) => admitsOne(branch[at], result, given.results[at]))
    );
  }
  return admitsOne(call, expected, given);
}

function admitsOne(
  asked: Call | KeyOperation | undefined,
  expected: Result,
  given: Result | undefined,
): boolean {
  if (asked === undefined || given === undefined) return false;
  if (isSame(expected, given)) return true;
  if (asked.kind === 'range' && expected.kind === 'range' && given.kind === 'range') {
    return endsEarly(asked, expected, given);
  }
  if (asked.kind === 'rangeAt' && expected.kind === 'rangeAt' && given.kind === 'rangeAt') {
    return endsEarly(asked, expected, given);
  }
  return false;
}

function endsEarly(
  { from, to, bytesMax }: Pick<RangeOperation | RangeAtCall, 'from' | 'to' | 'bytesMax'>,
  expected: RangeResult | RangeAtResult,
  given: RangeResult | RangeAtResult,
): boolean {
  const { entries, reached } = given;
  if (!given.more || entries.length > expected.entries.length) return false;
  if (!entries.every((entry, at) => isSameEntry(entry, expected.entries[at]))) return false;
  if (entries.length > 0) return reached === null;
  if (reached === null) return bytesMax < 2 + KEY_MAX;
  const next = expected.entries[0]?.key ?? expected.reached ?? to;
  const within = compareBytes(reached, from) >= 0 && (to === null || compareBytes(reached, to) < 0);
  return (
    within && (next === null || compareBytes(reached, next) <= 0) && !isFirst(expected, reached)
  );
}

/** The key that it claims to be absent is there. */
function isFirst({ entries }: RangeResult | RangeAtResult, reached: Uint8Array): boolean {
  const first = entries[0];
  return first !== undefined && compareBytes(first.key, reached) === 0;
}

function isSameEntry(entry: KeyEntry, other: KeyEntry | undefined): boolean {
  if (other === undefined) return false;
  const of = (one: KeyEntry): Result => {
    return { kind: 'range', entries: [one], more: false, reached: null };
  };
  return isSame(of(entry), of(other));
}

function isSame(first: Result, other: Result): boolean {
  return compareBytes(encodeResults([first]), encodeResults([other])) === 0;
}
