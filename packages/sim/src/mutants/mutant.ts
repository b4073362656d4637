/** A planted bug: one piece of source text replaced by another. */
export interface Mutant {
  /** snake_case, unique. */
  readonly name: string;
  /** What is wrong with it, in one line. */
  readonly bug: string;
  /** The file, relative to packages/. */
  readonly file: string;
  /** Must occur exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** The scenario that is made for it; the swarm when left out. */
  readonly scenario?: string;
}

/** The patched source, or why the mutant does not fit it (any more). */
export function applyMutant(
  source: string,
  mutant: Pick<Mutant, 'find' | 'replace'>,
): { readonly patched: string } | { readonly fault: string } {
  const first = source.indexOf(mutant.find);
  if (first < 0) return { fault: 'the text to replace is not in the file' };
  if (source.indexOf(mutant.find, first + 1) >= 0) {
    return { fault: 'the text to replace is in the file more than once' };
  }
  const end = first + mutant.find.length;
  return { patched: source.slice(0, first) + mutant.replace + source.slice(end) };
}
