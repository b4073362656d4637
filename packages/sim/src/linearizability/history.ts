/**
 * One operation of a recorded history. Times are from one counter that the recorder moves on at
 * every event, so that no two are equal and their order is the real one.
 */
export interface HistoryOperation<Input, Output> {
  /** Who asked; for messages only. */
  readonly client: number;
  readonly input: Input;
  /**
   * Null: never answered, or answered with "may have happened". It then takes effect at any moment
   * after its start, or never. What definitely did not happen is left out of the history.
   */
  readonly output: Output | null;
  /** Before it was sent. */
  readonly start: number;
  /** After it was answered; null exactly when `output` is. */
  readonly end: number | null;
}

/** What the recorded system should do, one operation at a time. Pure; states are never changed. */
export interface HistoryModel<State, Input, Output> {
  readonly init: () => State;
  /**
   * The state after the operation, or null when it cannot have this output in this state. Any
   * output is possible where it is null.
   */
  readonly step: (state: State, input: Input, output: Output | null) => State | null;
  /** The same text for equal states, different ones for different states. */
  readonly key: (state: State) => string;
  /**
   * Whether an operation with this output leaves every state as it is. Such a one is placed as
   * soon as it fits, which saves most of the search. Must be false where it depends on the state.
   */
  readonly readsOnly?: (input: Input, output: Output) => boolean;
  /**
   * Names of the independent parts of the state that the operation touches, at least one.
   * Operations without a common part, directly or through others, are checked apart. Left out:
   * the state is one whole.
   */
  readonly parts?: (input: Input) => readonly string[];
}

/**
 * Groups of operations that share no part of the state. By locality the history is linearizable
 * exactly when each group is.
 */
export function independentGroups<Input, Output>(
  history: readonly HistoryOperation<Input, Output>[],
  partsOf: ((input: Input) => readonly string[]) | undefined,
): HistoryOperation<Input, Output>[][] {
  if (partsOf === undefined) return history.length === 0 ? [] : [[...history]];
  const parents = new Map<string, string>();
  const rootOf = (part: string): string => {
    let at = part;
    for (;;) {
      const parent = parents.get(at) ?? at;
      if (parent === at) break;
      at = parent;
    }
    // The next look is shorter.
    parents.set(part, at);
    return at;
  };
  for (const { input } of history) {
    const [first, ...others] = partsOf(input);
    for (const part of others) parents.set(rootOf(part), rootOf(first ?? part));
  }
  const groups = new Map<string, HistoryOperation<Input, Output>[]>();
  for (const operation of history) {
    const root = rootOf(partsOf(operation.input)[0] ?? '');
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [operation]);
    else group.push(operation);
  }
  return [...groups.values()];
}
