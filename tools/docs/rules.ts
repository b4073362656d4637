/** Rules that a source cites as `(rule NAME)` or `(rules NAME, NAME)`, also across lines. */
export function citedRules(source: string): string[] {
  const joined = source.replace(/\n\s*(?:\*|\/\/)\s?/g, ' ');
  return [...joined.matchAll(/\(rules? ([a-z][a-z, -]*)\)/g)].flatMap(([, names = '']) =>
    names.split(/,\s*/).map((name) => name.trim()),
  );
}

/** Rules that the page explains: a heading of the third level for each. */
export function explainedRules(page: string): string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith('Safety rules\n')) ?? '';
  return [...section.matchAll(/^### ([a-z-]+)$/gm)].map(([, name = '']) => name);
}

/** One row of the table of messages. */
export interface MessageRow {
  readonly name: string;
  /** Function and file that handle it; null where nobody does. */
  readonly handler: { readonly name: string; readonly path: string } | null;
  readonly tests: readonly string[];
}

/** Rows of the table under `## Messages`: message, from, to, handler, tests. */
export function messageRows(page: string): MessageRow[] {
  const section = page.split(/^## /m).find((part) => part.startsWith('Messages\n')) ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [, name = '', , , handler = '', tests = ''] = line
        .split('|')
        .map((cell) => cell.trim());
      const found = /`(\w+)` in `([^`]+)`/.exec(handler);
      return {
        name: name.replaceAll('`', ''),
        handler: found === null ? null : { name: found[1] ?? '', path: found[2] ?? '' },
        tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path),
      };
    });
}
