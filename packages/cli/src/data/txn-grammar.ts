import type { Relation, TxnCompare, TxnOperation } from '@kimberlite/client';
import { usageError } from '../fault.ts';
import { splitWords } from '../words.ts';

/**
 * The small language of `txn`, the same in a shell and in the repl.
 *
 *   compare:    exists KEY | absent KEY | value KEY RELATION VALUE
 *               | mod_revision KEY RELATION N | create_revision KEY RELATION N
 *               | version KEY RELATION N
 *   relation:   = | != | > | <
 *   operation:  put KEY VALUE | get KEY | del KEY... | range PREFIX [LIMIT]
 */

const RELATIONS: Readonly<Record<string, Relation>> = {
  '=': 'equal',
  '!=': 'notEqual',
  '>': 'greater',
  '<': 'less',
};

const NUMBERS: Readonly<Record<string, 'modRevision' | 'createRevision' | 'version'>> = {
  mod_revision: 'modRevision',
  create_revision: 'createRevision',
  version: 'version',
};

/** Reads one compare; throws a usage error that shows the grammar. */
export function parseCompare(text: string): TxnCompare {
  const [target = '', key, sign, operand, ...rest] = splitWords(text);
  if (key !== undefined && (target === 'exists' || target === 'absent')) {
    if (sign === undefined) return { target, key };
  }
  const relation = RELATIONS[sign ?? ''];
  if (key !== undefined && relation !== undefined && operand !== undefined && rest.length === 0) {
    if (target === 'value') return { target, key, relation, value: operand };
    const number = NUMBERS[target];
    if (number !== undefined && /^\d{1,15}$/.test(operand)) {
      return { target: number, key, relation, operand: Number(operand) };
    }
  }
  throw usageError(
    `'${text}' is not a compare; write 'exists KEY', 'absent KEY', 'value KEY = VALUE', ` +
      "or 'mod_revision | create_revision | version KEY = N' (= != > <)",
  );
}

/** Reads one operation; throws a usage error that shows the grammar. */
export function parseOperation(text: string): TxnOperation {
  const [verb, ...words] = splitWords(text);
  const [first, second] = words;
  if (verb === 'put' && first !== undefined && second !== undefined && words.length === 2) {
    return { kind: 'put', key: first, value: second };
  }
  if (verb === 'get' && first !== undefined && words.length === 1) {
    return { kind: 'get', key: first };
  }
  if (verb === 'del' && words.length > 0) return { kind: 'delete', key: words };
  if (verb === 'range' && first !== undefined && words.length <= 2) {
    if (second === undefined) return { kind: 'range', prefix: first };
    if (/^\d{1,4}$/.test(second)) return { kind: 'range', prefix: first, limit: Number(second) };
  }
  throw usageError(
    `'${text}' is not an operation; write 'put KEY VALUE', 'get KEY', 'del KEY...' ` +
      "or 'range PREFIX [LIMIT]'",
  );
}
