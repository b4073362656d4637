/** One piece of source text replaced by another. */
export interface MutantEdit {
  /** The file, relative to packages/. */
  readonly file: string;
  /** Must occur exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** A planted bug. */
export interface Mutant {
  /** snake_case, unique. */
  readonly name: string;
  /** What is wrong with it, in one line. */
  readonly bug: string;
  /** More than one where two guards stand before the same harm. */
  readonly edits: readonly MutantEdit[];
  /** Why it harms nothing, where the design makes the bug impossible: it may survive. */
  readonly harmless?: string;
  /** The scenario that is made for it; the swarm when left out. */
  readonly scenario?: string;
}

/** One of `of` equal parts of a catalogue. */
export interface MutantPart {
  /** From 0 to `of` - 1. */
  readonly index: number;
  /** At least 1. */
  readonly of: number;
}

/** Every `of`-th mutant, so that neighbours, which are alike, fall into different parts. */
export function mutantsOfPart(mutants: readonly Mutant[], part: MutantPart): Mutant[] {
  return mutants.filter((_, at) => at % part.of === part.index);
}

/** The patched source, or why the edit does not fit it (any more). */
export function applyEdit(
  source: string,
  edit: Pick<MutantEdit, 'find' | 'replace'>,
): { readonly patched: string } | { readonly fault: string } {
  const first = source.indexOf(edit.find);
  if (first < 0) return { fault: 'the text to replace is not in the file' };
  if (source.indexOf(edit.find, first + 1) >= 0) {
    return { fault: 'the text to replace is in the file more than once' };
  }
  const end = first + edit.find.length;
  return { patched: source.slice(0, first) + edit.replace + source.slice(end) };
}
