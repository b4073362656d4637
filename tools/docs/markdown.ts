/** A table, one line a row. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A page with its parts between `from the code` marks replaced by what the code says now. */
export function withParts(page: string, parts: Readonly<Record<string, () => string>>): string {
  let text = page;
  for (const [name, write] of Object.entries(parts)) {
    const begin = `<!-- from the code: ${name} -->`;
    const start = text.indexOf(begin);
    const end = text.indexOf('<!-- end -->', start);
    if (start < 0 || end < 0) throw new Error(`the page has no part "${name}"`);
    text = `${text.slice(0, start + begin.length)}\n${write()}\n${text.slice(end)}`;
  }
  return text;
}
