/** What one source says: the true offset lies in [lower, upper], microseconds. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

export interface Agreement extends Interval {
  /** Sources whose interval contains this one. */
  readonly sources: number;
}

/**
 * Marzullo's algorithm: the smallest interval that the largest number of sources agree upon; of
 * equal ones the first. Null without sources.
 */
export function marzullo(intervals: readonly Interval[]): Agreement | null {
  const edges = intervals.flatMap(({ lower, upper }) => [
    { at: lower, step: 1 },
    { at: upper, step: -1 },
  ]);
  // Where an interval begins just as another ends they touch, and count as overlapping.
  edges.sort((first, other) => first.at - other.at || other.step - first.step);
  let best: Agreement | null = null;
  let count = 0;
  for (let index = 0; index + 1 < edges.length; index += 1) {
    const edge = edges[index];
    const next = edges[index + 1];
    if (edge === undefined || next === undefined) continue;
    count += edge.step;
    if (edge.step < 0) continue;
    const width = next.at - edge.at;
    const better: boolean =
      best === null ||
      count > best.sources ||
      (count === best.sources && width < best.upper - best.lower);
    if (better) best = { lower: edge.at, upper: next.at, sources: count };
  }
  return best;
}
