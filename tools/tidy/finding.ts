/** A tracked text file, as the rules see it. */
export interface SourceFile {
  /** Path from the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** One breach of a rule. */
export interface Finding {
  readonly rule: string;
  readonly path: string;
  /** Line number from 1. */
  readonly line: number;
  readonly message: string;
}

/** What a rule may ask about the repository beyond the file it looks at. */
export interface Repository {
  /** Whether a file or folder of that path is in the repository (built output is not). */
  readonly has: (path: string) => boolean;
  /** The text of a file of the repository, null when there is none. */
  readonly read: (path: string) => string | null;
}

/** Looks at one file; files that do not concern it give no findings. */
export type Rule = (file: SourceFile, repository: Repository) => readonly Finding[];
