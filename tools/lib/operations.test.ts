import { describe, expect, it } from 'vitest';
import { neededPrograms } from './operations.ts';

describe('neededPrograms', () => {
  it('reads every line that names a program and its package', () => {
    const text = [
      '// Compares with etcd.',
      '// needs: etcd (Debian: etcd-server)',
      '// needs: ip (Debian: iproute2)',
      'const needs = 1; // needs: not at the start of the line (Debian: none)',
    ].join('\n');
    expect(neededPrograms(text)).toEqual([
      { command: 'etcd', debianPackage: 'etcd-server' },
      { command: 'ip', debianPackage: 'iproute2' },
    ]);
  });

  it('finds none in a test that needs nothing', () => {
    expect(neededPrograms("import { it } from 'vitest';\n")).toEqual([]);
  });
});
