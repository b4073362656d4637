import { describe, expect, it } from 'vitest';
import { completedLockfile, missingOptionals, platformEntry } from './lockfile.ts';

const tool = {
  version: '1.0.0',
  dev: true,
  optionalDependencies: { '@tool/linux-x64': '1.0.0', '@tool/win32-x64': '1.0.0' },
};
const lockfile = {
  packages: {
    '': {},
    'node_modules/tool': tool,
    'node_modules/@tool/linux-x64': { version: '1.0.0' },
  },
};

describe('missingOptionals', () => {
  it('names what has no entry, beside or below the package that wants it', () => {
    expect(missingOptionals(lockfile)).toEqual([
      { name: '@tool/win32-x64', version: '1.0.0', dev: true },
    ]);
    const nested = {
      packages: {
        ...lockfile.packages,
        'node_modules/tool/node_modules/@tool/win32-x64': { version: '1.0.0' },
      },
    };
    expect(missingOptionals(nested)).toEqual([]);
  });
});

describe('platformEntry', () => {
  const entry = (name: string): unknown => platformEntry({ name, version: '1.0.0', dev: false });

  it('reads the platform from the name', () => {
    expect(entry('@tool/darwin-arm64')).toEqual({
      version: '1.0.0',
      cpu: ['arm64'],
      optional: true,
      os: ['darwin'],
    });
    expect(entry('@tool/binding-linux-arm-musleabihf')).toMatchObject({
      cpu: ['arm'],
      libc: ['musl'],
      os: ['linux'],
    });
    expect(entry('@tool/binding-linux-x64-gnu')).toMatchObject({ libc: ['glibc'] });
  });

  it('does not guess', () => {
    expect(entry('@tool/wasm')).toBeNull();
    expect(platformEntry({ name: '@tool/darwin-x64', version: '^1.0.0', dev: false })).toBeNull();
  });
});

describe('completedLockfile', () => {
  it('adds the entries in order, once', () => {
    const completed = completedLockfile(lockfile);
    expect(Object.keys(completed.packages)).toEqual([
      '',
      'node_modules/@tool/linux-x64',
      'node_modules/@tool/win32-x64',
      'node_modules/tool',
    ]);
    expect(missingOptionals(completed)).toEqual([]);
    expect(completedLockfile(completed)).toEqual(completed);
  });
});
