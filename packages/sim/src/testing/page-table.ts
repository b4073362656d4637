/**
 * The rows of the table of a page of docs/ that has these columns, without its head: what a test
 * compares the code with. Empty when there is none.
 */
export function tableRows(page: string, columns: readonly string[]): string[][] {
  const lines = page.split('\n');
  const head = lines.findIndex((line) => cellsOf(line).join('|') === columns.join('|'));
  if (head < 0) return [];
  const rest = lines.slice(head + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end < 0 ? rest.length : end).map(cellsOf);
}

function cellsOf(line: string): string[] {
  const cells = line.split('|').slice(1, -1);
  return cells.map((cell) => cell.trim());
}
