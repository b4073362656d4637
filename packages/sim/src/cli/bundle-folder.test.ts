import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bundle, bundleOf } from '../explain/bundle.ts';
import { NOTHING_REMOVED } from '../faults/fault-gate.ts';
import { NOTHING_THROWN } from '../run/outcome.ts';
import { nothingHappened } from '../run/run-seed.ts';
import { scenarioOptions } from '../scenarios/registry.ts';
import { storeBundle, writeBundle } from './bundle-file.ts';
import { fileFault, makeFolder, removeEmpty } from './bundle-folder.ts';

let folder = '';
let file = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vopr-folder-'));
  file = join(folder, 'file');
  writeFileSync(file, 'what was there');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function bundle(): Bundle {
  const options = scenarioOptions('baseline', 7n);
  if (options === null) throw new Error('there is a baseline');
  const crash = { verdict: 'crash', checker: null, message: 'planned' } as const;
  const result = { ...nothingHappened(7n), ...NOTHING_THROWN, ...crash };
  const context = { commit: 'unknown', mutant: null, scenario: 'baseline' };
  const made = bundleOf(result, { ...context, options, removed: NOTHING_REMOVED });
  if (made === null) throw new Error('a failure has a bundle');
  return made;
}

describe('a folder for bundles', () => {
  it('is made with those above it, and goes again where nothing came of it', () => {
    const wanted = join(folder, 'a', 'b');
    const made = makeFolder(wanted);
    expect(made).toEqual([join(folder, 'a'), wanted]);
    expect(makeFolder(wanted)).toEqual([]);
    if ('fault' in made) return;
    writeFileSync(join(folder, 'a', 'kept'), '');
    removeEmpty(made);
    expect(readdirSync(join(folder, 'a'))).toEqual(['kept']);
  });

  it('says in a line where there can be none, and leaves nothing behind', () => {
    const below = join(file, 'x');
    expect(makeFolder(below)).toEqual({
      fault: `the directory ${below} cannot be made (ENOTDIR)`,
    });
    expect(makeFolder(file)).toEqual({ fault: `${file} is no directory` });
    const long = join(folder, 'new', 'x'.repeat(300));
    expect(makeFolder(long)).toEqual({
      fault: `the directory ${long} cannot be made (ENAMETOOLONG)`,
    });
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });

  it.runIf(existsSync('/proc/self'))('does not hang where the system makes none', () => {
    expect(makeFolder('/proc/none/x')).toMatchObject({ fault: expect.stringMatching(/cannot be/) });
  });
});

describe('a bundle', () => {
  it('goes into a folder that is gone by now, and says why where it cannot', () => {
    const path = join(folder, 'new', 'baseline-7.json');
    expect(storeBundle(join(folder, 'new'), bundle())).toEqual({ path });
    expect(storeBundle(file, bundle())).toEqual({ fault: `${file} is no directory` });
    expect(writeBundle(folder, bundle())).toBe(`${folder} cannot be written (EISDIR)`);
  });

  it('is looked at where it would go, before the work for it', () => {
    expect(fileFault(join(folder, 'new.json'))).toBeNull();
    expect(fileFault(file)).toBeNull();
    expect(fileFault(folder)).toBe(`${folder} is a directory`);
    expect(fileFault(join(file, 'x'))).toBe(`${file} is no directory`);
    const absent = join(folder, 'absent');
    expect(fileFault(join(absent, 'x.json'))).toBe(`there is no directory ${absent}`);
    expect(fileFault(`${absent}/`)).toBe(`'${absent}/' names no file`);
    expect(existsSync(absent)).toBe(false);
  });
});
