import { assert } from '@kimberlite/store';
import { type HistoryModel, type HistoryOperation, independentGroups } from './history.ts';
import { Search } from './search.ts';

/** Steps of the model for one history; enough for a hundred thousand operations. */
const STEPS_MAX = 20_000_000;

/** How long `checkHistory` may search. */
export interface CheckOptions {
  /** Steps of the model after which the search is given up; default 20 million. */
  readonly stepsMax?: number;
}

/**
 * What a search found. `undecided`: the steps were used up before it was known. `steps` are those
 * of the model.
 */
export type HistoryVerdict<Input, Output> =
  | { readonly kind: 'linearizable'; readonly steps: number }
  | {
      readonly kind: 'not_linearizable';
      readonly steps: number;
      /** Answered operations that could be put in an order, at most. */
      readonly placed: number;
      /** Of those after them, the ones that could come next, and none of which fits. */
      readonly stuck: readonly HistoryOperation<Input, Output>[];
      /** `key` of the model's state there. */
      readonly state: string;
    }
  | { readonly kind: 'undecided'; readonly steps: number };

/**
 * Decides whether the operations can be put in one order that the model allows and that keeps the
 * real-time order of those that did not overlap (Herlihy and Wing). The search is that of Wing and
 * Gong with Lowe's memory of visited configurations. Throws AssertionError for a malformed
 * history: an operation that ends before it starts, or has an output without an end.
 */
export function checkHistory<State, Input, Output>(
  history: readonly HistoryOperation<Input, Output>[],
  model: HistoryModel<State, Input, Output>,
  options: CheckOptions = {},
): HistoryVerdict<Input, Output> {
  for (const { output, start, end } of history) {
    assert((output === null) === (end === null), 'an output has an end, and no other has');
    assert(end === null || end > start, 'an operation ends after it starts');
  }
  let steps = 0;
  for (const group of independentGroups(history, model.parts)) {
    const stepsMax = (options.stepsMax ?? STEPS_MAX) - steps;
    const verdict = new Search(group, model, stepsMax).run();
    steps += verdict.steps;
    if (verdict.kind !== 'linearizable') return { ...verdict, steps };
  }
  return { kind: 'linearizable', steps };
}
