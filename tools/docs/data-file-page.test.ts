import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FORMAT_VERSION } from '../../packages/vsr/src/superblock/superblock.ts';

describe('docs/data-file.md', () => {
  it('names the format version that is written', () => {
    const page = readFileSync(new URL('../../docs/data-file.md', import.meta.url), 'utf8');
    expect(page).toContain(`| format version, ${FORMAT_VERSION} |`);
  });
});
