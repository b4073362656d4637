// Each rule is shown a text that breaks it and a close one that does not. Texts that would break
// a rule in this very file are put together from parts.
import { describe, expect, it } from 'vitest';
import { headingAnchors } from './document-rules.ts';
import type { Finding, Repository } from './finding.ts';
import { rules } from './rules.ts';

const pages: Readonly<Record<string, string>> = {
  'docs/a.md': '# First page\n\n## A `code` heading\n\n## Twice\n\n## Twice\n',
  'docs/decisions/dependency-known.md': '# known\n',
  'packages/vsr/src/index.ts': "export { Known } from './known.ts';",
  'packages/vsr/src/known.ts': [
    '/** Told. */',
    'export interface Known {}',
    '/** Told too. */',
    'export function told(): void {}',
    '// No docstring.',
    'export function untold(): void {}',
    '/** */',
    'export const empty = 1;',
    '/** Of the type alone. */',
    'export type Both = number;',
    'export const Both = 1;',
    "import { away } from '@kimberlite/away';",
    'export { untold as renamed };',
    'export { away };',
  ].join('\n'),
};

const repository: Repository = {
  has: (path) => Object.keys(pages).some((page) => page === path || page.startsWith(`${path}/`)),
  read: (path) => pages[path] ?? null,
};

function check(path: string, text: string): readonly Finding[] {
  return rules.flatMap((rule) => rule({ path, text }, repository));
}

/** The findings as `line rule`. */
function found(path: string, text: string): readonly string[] {
  return check(path, text).map(({ line, rule }) => `${line} ${rule}`);
}

describe('text rules', () => {
  it('bounds the length of a code file and of no other', () => {
    expect(found('a.ts', '\n'.repeat(500))).toEqual([]);
    expect(found('a.ts', '\n'.repeat(501))).toEqual(['501 file-length']);
    expect(found('a.ts', `${'\n'.repeat(500)}x`)).toEqual(['501 file-length']);
    expect(found('a.md', '\n'.repeat(501))).toEqual([]);
  });

  it('bounds the length of a line, but for what can not be broken or must be searched for', () => {
    const words = 'word '.repeat(22);
    expect(found('a.ts', `\n// ${words}`)).toEqual(['2 line-length']);
    expect(found('a.ts', `// ${'x'.repeat(97)}`)).toEqual([]);
    expect(found('a.ts', `// see https://example.org/${'x'.repeat(90)}`)).toEqual([]);
    expect(found('a.ts', `  remedy: '${words}',`)).toEqual([]);
    expect(found('a.ts', `  remedy: '${words.repeat(2)}',`)).toEqual(['1 line-length']);
    expect(found('a.ts', `  call(first, '${words}');`)).toEqual(['1 line-length']);
    expect(found('a.md', words)).toEqual([]);
  });

  it('wants a name and a reason at a note for later, and refuses the urgent kind', () => {
    const later = `TO${'DO'}`;
    expect(found('a.ts', `// ${later}: some day`)).toEqual(['1 marker']);
    expect(found('a.ts', `// ${later}(ann)`)).toEqual(['1 marker']);
    expect(found('a.ts', `// ${later}(ann): `)).toEqual(['1 marker']);
    expect(found('a.ts', `// ${later}(ann): waits for the next format`)).toEqual([]);
    expect(found('a.md', `FIX${'ME'} now`)).toEqual(['1 marker']);
    expect(found('a.md', 'TODOS is a word of its own')).toEqual([]);
  });

  it('refuses absolute paths of one machine', () => {
    for (const folder of ['work', 'root', 'home/ann', 'Users/ann']) {
      expect(found('a.md', `see ${`/${folder}`}/x`)).toEqual(['1 machine-path']);
    }
    expect(found('a.md', 'https://example.org/work/x and ./work/x and docs/root/x')).toEqual([]);
  });

  it('refuses references to texts that are not in the repository', () => {
    for (const text of [`DESI${'GN'} 4.1`, `proto${'col-rules'} A2`, `(H${'-'}51)`]) {
      expect(found('a.ts', `// ${text}`)).toEqual(['1 foreign-reference']);
    }
    expect(found('a.ts', '// By DESIGN, as the protocol rules; SHA-256 and H-bridge.')).toEqual([]);
  });

  it('refuses registry hosts other than the public one', () => {
    const scheme = 'https:';
    expect(found('.npmrc', `${'registry'}=${scheme}//example.org/`)).toEqual(['1 registry-host']);
    expect(found('a.md', `${scheme}//registry.example.org/zod`)).toEqual(['1 registry-host']);
    expect(found('a.md', `${scheme}//artifactory.example.org`)).toEqual(['1 registry-host']);
    expect(found('a.md', 'https://registry.npmjs.org/zod')).toEqual([]);
  });

  it('refuses hosts in the lockfile, and only there', () => {
    const lock = (resolved: string): string =>
      JSON.stringify({ packages: { 'node_modules/zod': { resolved } } }, null, 2);
    const host = lock(`${'https:'}//example.org/zod.tgz`);
    expect(found('package-lock.json', host)).toEqual(['4 lockfile-host']);
    expect(found('package-lock.json', lock('packages/vsr'))).toEqual([]);
    expect(found('other.json', host)).toEqual([]);
  });

  it("wants every platform's binary in the lockfile", () => {
    const tool = { optionalDependencies: { '@tool/win32-x64': '1.0.0' } };
    const binary = { version: '1.0.0' };
    const lock = (packages: object): string => JSON.stringify({ packages });
    expect(found('package-lock.json', lock({ 'node_modules/tool': tool }))).toEqual([
      '1 lockfile-complete',
    ]);
    const complete = { 'node_modules/tool': tool, 'node_modules/@tool/win32-x64': binary };
    expect(found('package-lock.json', lock(complete))).toEqual([]);
  });

  it('refuses default exports, but where a tool demands one', () => {
    const text = 'export default 1;\n';
    expect(found('a.ts', text)).toEqual(['1 default-export']);
    expect(found('a.ts', 'export { a as default };')).toEqual(['1 default-export']);
    expect(found('vitest.config.ts', text)).toEqual([]);
    expect(found('a.ts', 'export const defaults = 1;')).toEqual([]);
  });
});

describe('document rules', () => {
  it('follows relative links and their anchors', () => {
    expect(found('docs/b.md', '[x](a.md) [y](./a.md#twice-1) [z](../packages/vsr/)')).toEqual([]);
    expect(found('docs/b.md', '[x](c.md)')).toEqual(['1 document-link']);
    expect(found('docs/b.md', '[x](a.md#absent)')).toEqual(['1 document-link']);
    expect(found('docs/b.md', '# Here\n[x](#here)')).toEqual(['2 document-link']);
    expect(found('docs/a.md', '[x](#first-page)')).toEqual([]);
    expect(found('docs/b.md', '[x](https://example.org/absent.md)')).toEqual([]);
    expect(found('docs/b.md', '```\n[x](c.md)\n```')).toEqual([]);
  });

  it('follows the paths that a table names in code spans', () => {
    expect(found('docs/b.md', '| `packages/vsr/src/index.ts` |')).toEqual([]);
    expect(found('docs/b.md', '| `packages/vsr/src/gone.ts` |')).toEqual(['1 document-path']);
    expect(found('docs/b.md', '`packages/*/src` and `packages/vsr/dist/index.js`')).toEqual([]);
  });

  it('spells the anchors of headings', () => {
    expect([...headingAnchors(pages['docs/a.md'] ?? '')]).toEqual([
      'first-page',
      'a-code-heading',
      'twice',
      'twice-1',
    ]);
  });

  it('wants exact versions, and a page for each runtime dependency', () => {
    const manifest = (dependencies: object): string => JSON.stringify({ dependencies }, null, 2);
    const path = 'packages/server/package.json';
    expect(found(path, manifest({ known: '1.0.0', '@kimberlite/vsr': '0.1.0' }))).toEqual([]);
    expect(found(path, manifest({ known: '^1.0.0' }))).toEqual(['3 exact-version']);
    expect(found(path, manifest({ other: '1.0.0' }))).toEqual(['3 dependency-page']);
    expect(found('package.json', '{"devDependencies":{"a":"npm:b@1.0.0"}}')).toEqual([]);
  });
});

describe('type assertions', () => {
  const path = 'packages/vsr/src/a.ts';

  it('need a SAFETY comment', () => {
    expect(found(path, 'const a = 1;\nconst b = a as Op;')).toEqual(['2 type-assertion']);
    expect(found(path, '// SAFETY: checked above.\nconst b = a as Op;')).toEqual([]);
    expect(found(path, 'const b = a as Op; // SAFETY: checked above.')).toEqual([]);
    expect(found(path, '// SAFETY: one.\nconst b = a as Op;\nconst c = a as Op;')).toEqual([
      '3 type-assertion',
    ]);
  });

  it('may share a SAFETY comment above the function that holds them', () => {
    const body = 'function read(): void {\n  first(a as Op);\n  second(b as Op);\n}';
    expect(found(path, `// SAFETY: both are in range.\n${body}`)).toEqual([]);
    expect(found(path, body)).toEqual(['2 type-assertion', '3 type-assertion']);
    const unrelated = '// SAFETY: of this one.\nconst a = b as Op;';
    expect(found(path, `${unrelated}\n${body}`)).toEqual(['4 type-assertion', '5 type-assertion']);
  });

  it('are at home in a function that declares the very type', () => {
    const body = '{\n  return value as Op;\n}';
    expect(found(path, `function Op(value: number): Op ${body}`)).toEqual([]);
    expect(found(path, `function decode(value: number): Op | Fault ${body}`)).toEqual([]);
    expect(found(path, `function other(value: number): View ${body}`)).toEqual([
      '2 type-assertion',
    ]);
    expect(found(path, `function inferred(value: number) ${body}`)).toEqual(['2 type-assertion']);
  });

  it('do not mean `as const`, nor the tests', () => {
    expect(found(path, 'const a = [1] as const;')).toEqual([]);
    expect(found('packages/vsr/src/a.test.ts', 'const b = a as Op;')).toEqual([]);
  });
});

describe('docstrings', () => {
  const path = 'packages/client/src/index.ts';
  const from = "from '../../vsr/src/known.ts';";

  it('are wanted of every name that a package exports, where it is declared', () => {
    expect(found(path, `export { told, type Known, Both } ${from}`)).toEqual([]);
    const [finding, ...others] = check(path, `export {\n  told,\n  untold,\n} ${from}`);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      rule: 'docstring',
      path: 'packages/vsr/src/known.ts',
      line: 6,
      message: expect.stringContaining('untold'),
    });
    expect(found(path, `export { empty } ${from}`)).toEqual(['8 docstring']);
    expect(found('packages/client/src/other.ts', `export { untold } ${from}`)).toEqual([]);
  });

  it('are wanted by the name of the declaration, whatever the export is called', () => {
    expect(found(path, `export { untold as told } ${from}`)).toEqual(['6 docstring']);
    expect(found(path, `export { told as untold } ${from}`)).toEqual([]);
    expect(found(path, `export { renamed } ${from}`)).toEqual(['6 docstring']);
    expect(found(path, `import { told as here } ${from}\nexport { here as there };`)).toEqual([]);
  });

  it('are wanted of what a package passes on from another one, and of all names at once', () => {
    expect(found(path, "export type { Known } from '@kimberlite/vsr';")).toEqual([]);
    expect(found(path, `import { untold } ${from}\nexport { untold };`)).toEqual(['6 docstring']);
    // And `away`, which is not to be found.
    expect(found(path, `export * ${from}`)).toEqual([
      '6 docstring',
      '8 docstring',
      '6 docstring',
      '1 docstring',
    ]);
  });

  it('are wanted in index.ts itself', () => {
    expect(found(path, 'export const here = 1;')).toEqual(['1 docstring']);
    expect(found(path, '/** Here. */\nexport class Here {}\nclass Inner {}')).toEqual([]);
  });

  it('are missed where the declaration is not found', () => {
    for (const text of [
      `export { absent } ${from}`,
      "export { gone } from './gone.ts';",
      "export * from './gone.ts';",
      `export * as whole ${from}`,
    ]) {
      expect(found(path, text)).toEqual(['1 docstring']);
    }
  });
});
