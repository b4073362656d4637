import type { Run } from './run.ts';

/** A merge between two of its steps: all below `from` is in the output, the rest in the inputs. */
export interface Merge {
  /** Oldest first. What lies wholly below `from` in them is given up. */
  readonly inputs: readonly Run[];
  /** The first key that is not merged yet; null before the first step. */
  readonly from: Uint8Array | null;
  /** Null while nothing has come out. */
  readonly output: Run | null;
}

/** Runs of one age class; what is merged is older than what waits. */
export interface Level {
  readonly merge: Merge | null;
  /** Oldest first. */
  readonly runs: readonly Run[];
}

/** What a table has on disk: level 0 is the newest; deeper levels are older. */
export interface TableLevels {
  readonly table: number;
  readonly levels: readonly Level[];
}

export const LEVEL_EMPTY: Level = { merge: null, runs: [] };

/** A run as readers see it: keys below `from` are none of its business any more. */
export interface RunView {
  readonly run: Run;
  readonly from: Uint8Array | null;
}

/** The runs in the order in which a reader asks them: newest first. */
export function runViews(levels: readonly Level[]): RunView[] {
  const views: RunView[] = [];
  for (const { merge, runs } of levels) {
    for (const run of runs.toReversed()) views.push({ run, from: null });
    if (merge === null) continue;
    // Output and inputs share no key: their order among each other does not matter.
    if (merge.output !== null) views.push({ run: merge.output, from: null });
    for (const run of merge.inputs.toReversed()) views.push({ run, from: merge.from });
  }
  return views;
}
