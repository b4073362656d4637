import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERRORS, faultLine, fileFault, listenFault, makeFault } from './errors.ts';

describe('the error catalogue', () => {
  it('is the table of docs/errors.md', () => {
    const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    const rows = text.split('\n').filter((line) => line.startsWith('| `'));
    const expected = Object.entries(ERRORS).map(
      ([code, { exitCode, summary, remedy }]) =>
        `| \`${code}\` | ${exitCode} | ${summary} | ${remedy} |`,
    );
    expect(rows).toEqual(expected);
  });

  it('has an exit code of its own for each, clear of the shell and of signals', () => {
    const codes = Object.values(ERRORS).map(({ exitCode }) => exitCode);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) {
      expect(code).toBeGreaterThanOrEqual(10);
      expect(code).toBeLessThan(126);
    }
  });

  it('says it in one line that names the code', () => {
    for (const code of Object.keys(ERRORS) as (keyof typeof ERRORS)[]) {
      const line = faultLine(makeFault(code, 'x happened'));
      expect(line).toMatch(/^error: x happened\. [^\n]+ \[\w+\]$/);
      expect(line.endsWith(`[${code}]`)).toBe(true);
    }
  });

  it('never sends a replica that may have run to a new format, or to what does not exist', () => {
    for (const { remedy } of Object.values(ERRORS)) {
      expect(remedy).not.toMatch(/from its peers|format again\.|with `kimberlite format`/);
    }
    for (const code of [
      'data_file_missing',
      'data_file_incomplete',
      'data_file_truncated',
      'data_file_foreign',
      'data_file_damaged',
    ] as const) {
      expect(ERRORS[code].remedy).toContain('must not be formatted again');
      expect(ERRORS[code].remedy).toContain('`kimberlite recover`');
    }
    expect(ERRORS.diverged.remedy).toContain('do not format it again');
  });

  it('names system errors', () => {
    expect(fileFault({ code: 'EACCES' }, '/x', 'open').code).toBe('permission_denied');
    expect(fileFault({ code: 'ENOSPC' }, '/x', 'write').code).toBe('disk_full');
    expect(fileFault({ code: 'EINVAL' }, '/x', 'create')).toMatchObject({
      code: 'disk_without_sync',
      exitCode: 33,
    });
    expect(fileFault(new Error('odd'), '/x', 'open').code).toBe('io_failed');
    expect(listenFault({ code: 'EADDRINUSE' }, '[::1]:1', 'peers').code).toBe('port_in_use');
    expect(listenFault({ code: 'ENOTFOUND' }, 'nowhere:1', 'peers').message).toContain('nowhere:1');
  });
});
