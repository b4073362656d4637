/** What a file stands by: the view it voted in, and how far its log of which view is durable. */
export interface Word {
  readonly view: number;
  readonly logView: number;
  readonly op: number;
}

/** Of a file that has promised nothing. */
export const NO_WORD: Word = { view: 0, logView: 0, op: 0 };

/** Whether a file that stands by this has forgotten some of what was heard of it. */
export function isBehind(word: Word, heard: Word): boolean {
  if (word.view < heard.view) return true;
  if (word.logView !== heard.logView) return word.logView < heard.logView;
  return word.op < heard.op;
}

/** The two together: the higher view, and the longer log of the higher log view. */
export function mostOf(first: Word, other: Word): Word {
  const view = Math.max(first.view, other.view);
  const later =
    other.logView > first.logView || (other.logView === first.logView && other.op > first.op);
  const { logView, op } = later ? other : first;
  return { view, logView, op };
}
