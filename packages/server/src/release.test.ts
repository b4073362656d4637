import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { VERSION } from './release.ts';

it('the version of the build is that of package.json', () => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  expect(JSON.parse(text)).toMatchObject({ version: VERSION });
});
