import { describe, expect, it } from 'vitest';
import { CliError } from '../fault.ts';
import { parseCompare, parseOperation } from './txn-grammar.ts';

describe('the language of txn', () => {
  it('reads compares', () => {
    expect(parseCompare('exists a')).toEqual({ target: 'exists', key: 'a' });
    expect(parseCompare("absent 'a b'")).toEqual({ target: 'absent', key: 'a b' });
    expect(parseCompare('value a = "x y"')).toEqual({
      target: 'value',
      key: 'a',
      relation: 'equal',
      value: 'x y',
    });
    expect(parseCompare('mod_revision a > 12')).toEqual({
      target: 'modRevision',
      key: 'a',
      relation: 'greater',
      operand: 12,
    });
    expect(parseCompare('version a != 1')).toMatchObject({ relation: 'notEqual' });
    expect(parseCompare('create_revision a < 1')).toMatchObject({ relation: 'less' });
  });

  it('reads operations', () => {
    expect(parseOperation('put a ""')).toEqual({ kind: 'put', key: 'a', value: '' });
    expect(parseOperation('get a')).toEqual({ kind: 'get', key: 'a' });
    expect(parseOperation('del a b')).toEqual({ kind: 'delete', key: ['a', 'b'] });
    expect(parseOperation('range p/')).toEqual({ kind: 'range', prefix: 'p/' });
    expect(parseOperation('range p/ 5')).toEqual({ kind: 'range', prefix: 'p/', limit: 5 });
  });

  it('refuses anything else as usage, and shows the grammar', () => {
    const compares = [
      '',
      'exists',
      'exists a b',
      'value a',
      'value a ~ b',
      'version a = x',
      'a = b',
    ];
    for (const text of compares) {
      expect(() => parseCompare(text)).toThrow(/is not a compare; write/);
    }
    for (const text of ['', 'put a', 'put a b c', 'get', 'get a b', 'del', 'range a b', 'incr a']) {
      expect(() => parseOperation(text)).toThrow(/is not an operation; write/);
    }
    try {
      parseCompare('nonsense');
    } catch (error) {
      expect(error).toBeInstanceOf(CliError);
      expect(error).toMatchObject({ exitCode: 2 });
    }
  });
});
