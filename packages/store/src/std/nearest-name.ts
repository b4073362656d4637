/**
 * The name that was probably meant, or null: at most two letters or a third of the word are wrong,
 * whatever their case.
 */
export function nearestName(word: string, names: readonly string[]): string | null {
  let nearest: string | null = null;
  let best = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const name of names) {
    const distance = changes(word.toLowerCase(), name.toLowerCase());
    if (distance < best) {
      nearest = name;
      best = distance;
    }
  }
  return nearest;
}

/** Letters to insert, remove or replace that turn one word into the other. */
function changes(from: string, to: string): number {
  const costs = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let row = 0; row < from.length; row += 1) {
    let diagonal = row;
    costs[0] = row + 1;
    for (let at = 1; at <= to.length; at += 1) {
      const above = costs[at] ?? 0;
      const replaced = diagonal + (to[at - 1] === from[row] ? 0 : 1);
      costs[at] = Math.min(replaced, above + 1, (costs[at - 1] ?? 0) + 1);
      diagonal = above;
    }
  }
  return costs[to.length] ?? 0;
}
