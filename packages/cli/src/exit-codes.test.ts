import { readFileSync } from 'node:fs';
import { CLIENT_ERRORS, type ClientErrorCode } from '@kimberlite/client';
import { ERRORS } from '@kimberlite/server';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES, exitOfClientError } from './exit-codes.ts';

const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');

/** Rows of a Markdown table whose first cell is a number: code, name, meaning. */
function tableRows(): string[][] {
  return page
    .split('\n')
    .filter((line) => /^\| \d+ \|/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('the exit codes', () => {
  it('are documented in docs/cli.md, every one and no other', () => {
    const own = Object.entries(EXIT_CODES).map(([name, { code, meaning }]) => {
      return [String(code), `\`${name}\``, meaning];
    });
    const server = Object.entries(ERRORS).map(([name, { exitCode, summary }]) => {
      return [String(exitCode), `\`${name}\``, summary];
    });
    expect(tableRows()).toEqual([...own, ...server]);
  });

  it('are all different', () => {
    const codes = [
      ...Object.values(EXIT_CODES).map(({ code }) => code),
      ...Object.values(ERRORS).map(({ exitCode }) => exitCode),
    ];
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('exist for every error of the client', () => {
    const known = new Set(Object.values(EXIT_CODES).map(({ code }) => code));
    for (const code of Object.keys(CLIENT_ERRORS)) {
      const name = code as ClientErrorCode; // SAFETY: a key of the table of errors.
      for (const definite of [true, false]) {
        expect(known.has(exitOfClientError(name, definite))).toBe(true);
      }
    }
  });

  it('never say refused of what may have happened', () => {
    expect(exitOfClientError('refused', true)).toBe(EXIT_CODES.refused.code);
    expect(exitOfClientError('refused', false)).toBe(EXIT_CODES.no_answer.code);
    for (const code of ['no_quorum', 'overloaded', 'too_stale'] as const) {
      expect(exitOfClientError(code, true)).toBe(EXIT_CODES.refused.code);
    }
  });
});
