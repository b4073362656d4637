import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkHistory } from './check-history.ts';
import type { HistoryModel, HistoryOperation } from './history.ts';

type Input =
  | { readonly kind: 'read'; readonly key: string }
  | { readonly kind: 'write'; readonly key: string; readonly value: number }
  | {
      readonly kind: 'swap';
      readonly key: string;
      readonly expected: number;
      readonly value: number;
    }
  /** Moves the value of one key to another and leaves zero. */
  | { readonly kind: 'move'; readonly key: string; readonly to: string };
type Output = number | boolean | 'done';
type State = Readonly<Record<string, number>>;
type Operation = HistoryOperation<Input, Output>;

/** Registers that hold zero at first. */
const registers: HistoryModel<State, Input, Output> = {
  init: () => ({}),
  step: (state, input, output) => {
    const { result, after } = perform(state, input);
    return output === null || output === result ? after : null;
  },
  key: (state) =>
    JSON.stringify(
      Object.entries(state)
        .filter(([, value]) => value !== 0)
        .sort(([first], [other]) => (first < other ? -1 : 1)),
    ),
  readsOnly: (input, output) => input.kind === 'read' || output === false,
  parts: (input) => (input.kind === 'move' ? [input.key, input.to] : [input.key]),
};
/** The same without what makes the search short. */
const plainRegisters: typeof registers = {
  init: registers.init,
  step: registers.step,
  key: registers.key,
};

function perform(state: State, input: Input): { readonly result: Output; readonly after: State } {
  const value = state[input.key] ?? 0;
  switch (input.kind) {
    case 'read':
      return { result: value, after: state };
    case 'write':
      return { result: 'done', after: { ...state, [input.key]: input.value } };
    case 'swap':
      return value === input.expected
        ? { result: true, after: { ...state, [input.key]: input.value } }
        : { result: false, after: state };
    case 'move':
      return { result: 'done', after: { ...state, [input.key]: 0, [input.to]: value } };
  }
}

/**
 * A history drawn as text, a line a client: `w1` writes 1, `r1` reads 1, `s12` swaps 1 for 2 and
 * succeeds, `f12` fails to, `m` moves to y. `|` is the start and the end, `?` never an answer.
 */
function drawn(...lines: readonly string[]): Operation[] {
  return lines.flatMap((line, client) => {
    const time = (column: number): number => column * lines.length + client;
    return [...line.matchAll(/\|\s*(\w+)\s*([|?])/g)].map((match) => {
      const [whole, word = '', close] = match;
      const { input, output } = parsed(word);
      const start = time(match.index);
      const answered = close === '|';
      const end = answered ? time(match.index + whole.length - 1) : null;
      return { client, input, output: answered ? output : null, start, end };
    });
  });
}

function parsed(word: string): { readonly input: Input; readonly output: Output } {
  const [letter, first = '0', second = '0'] = word;
  const key = word.endsWith('y') ? 'y' : 'x';
  switch (letter) {
    case 'w':
      return { input: { kind: 'write', key, value: Number(first) }, output: 'done' };
    case 'r':
      return { input: { kind: 'read', key }, output: Number(first) };
    case 'm':
      return { input: { kind: 'move', key: 'x', to: 'y' }, output: 'done' };
    default: {
      const input: Input = {
        kind: 'swap',
        key,
        expected: Number(first),
        value: Number(second),
      };
      return { input, output: letter === 's' };
    }
  }
}

const linearizable: readonly (readonly [string, readonly string[]])[] = [
  ['nothing at all', ['']],
  ['one after the other', ['|w1| |r1| |w2| |r2|']],
  ['a read beside a write sees the old value', ['|   w1   |', '   |r0|']],
  ['a read beside a write sees the new value', ['|   w1   |', '   |r1|']],
  ['two reads beside a write: old, then new', ['|     w1      |', '  |r0| |r1|']],
  ['writes beside each other in the other order', ['|w1   |', ' |w2  |      ', '        |r1|']],
  ['a write without an answer that happened', ['|w1 ?', '      |r0|  |r1|']],
  ['a write without an answer that never happened', ['|w1 ?', '      |r0|  |r0|']],
  ['a write without an answer that happened late', ['|w1 ?', '   |w2| |r2|  |r1|']],
  ['one of two swaps wins', ['|s01  |', ' |f02 |', '         |r1|']],
  ['a move is seen whole', ['|w3| |   m   |', '       |r0| |r3y|']],
  ['keys apart from each other', ['|w1| |r1|', '|w2y| |r2y|']],
];

const impossible: readonly (readonly [string, readonly string[]])[] = [
  ['a read of what was overwritten', ['|w1| |w2| |r1|']],
  ['a read of what nobody wrote', ['|w1| |r3|']],
  ['new, then old, beside one write', ['|     w1      |', '  |r1| |r0|']],
  [
    'two readers that disagree about the order',
    ['|w1      |', '|w2      |', '           |r1| |r2|', '           |r2| |r1|'],
  ],
  ['a write that was answered and is lost', ['|w1|', '      |r0|']],
  ['two swaps of the same value that both win', ['|s01  |', ' |s02 |']],
  ['a swap that failed although it fitted', ['|f01|', '       |r0|']],
  ['a value that goes away again without a write', ['|w1 ?', '   |r1| |r0|']],
  ['one unanswered write that happened twice', ['|w1 ?', '   |r1| |w2|  |r1|']],
  ['half a move', ['|w3| |m|', '          |r3| ']],
  ['half a move on the other side', ['|w3| |m|', '          |r0y| ']],
  ['an effect before its cause', ['       |w1|', ' |r1|']],
];

describe('the linearizability of a history', () => {
  for (const [name, lines] of linearizable) {
    it(`holds: ${name}`, () => {
      expect(checkHistory(drawn(...lines), registers).kind).toBe('linearizable');
      expect(checkHistory(drawn(...lines), plainRegisters).kind).toBe('linearizable');
    });
  }

  for (const [name, lines] of impossible) {
    it(`does not hold: ${name}`, () => {
      expect(checkHistory(drawn(...lines), registers).kind).toBe('not_linearizable');
      expect(checkHistory(drawn(...lines), plainRegisters).kind).toBe('not_linearizable');
    });
  }

  it('shows where no order goes on', () => {
    const history = drawn('|w1| |w2| |r1| |r2|');
    expect(history).toHaveLength(4);
    const verdict = checkHistory(history, registers);
    expect(verdict).toMatchObject({ kind: 'not_linearizable', placed: 2, stuck: [history[2]] });
  });

  it('is left open after too many steps', () => {
    const history = drawn('|w1| |w2| |r2|');
    expect(checkHistory(history, registers, { stepsMax: 1 }).kind).toBe('undecided');
  });

  it('is refused for what is no history', () => {
    const [operation] = drawn('|w1|');
    if (operation === undefined) throw new Error('one operation');
    expect(() => checkHistory([{ ...operation, end: null }], registers)).toThrow(/end/);
    expect(() => checkHistory([{ ...operation, end: -1 }], registers)).toThrow(/ends after/);
  });

  // Every permutation of every subset is tried: slow, and too simple to be wrong.
  it('is decided as by trying all orders', () => {
    const tally = { linearizable: 0, not_linearizable: 0, undecided: 0 };
    fc.assert(
      fc.property(smallHistory, (history) => {
        const expected = someOrderFits(history) ? 'linearizable' : 'not_linearizable';
        expect(checkHistory(history, registers).kind).toBe(expected);
        expect(checkHistory(history, plainRegisters).kind).toBe(expected);
        tally[expected] += 1;
      }),
      { numRuns: 3000 },
    );
    expect(tally.linearizable).toBeGreaterThan(300);
    expect(tally.not_linearizable).toBeGreaterThan(300);
  });

  it('is found for long histories of many clients, and so is one stale read', () => {
    const history = executed(20_000, 5_000);
    const verdict = checkHistory(history, registers);
    expect(verdict.kind).toBe('linearizable');
    expect(verdict.steps).toBeLessThan(history.length * 20);
    const at = history.findLastIndex(
      ({ input, output }) => input.kind === 'read' && output !== null,
    );
    const stale = history.map((operation, index) => {
      return index === at ? { ...operation, output: 9 } : operation;
    });
    expect(checkHistory(stale, registers).kind).toBe('not_linearizable');
  });
});

const key = fc.constantFrom('x', 'y');
const value = fc.integer({ min: 0, max: 2 });
const input: fc.Arbitrary<Input> = fc.oneof(
  fc.record({ kind: fc.constant('read' as const), key }),
  fc.record({ kind: fc.constant('write' as const), key, value }),
  fc.record({ kind: fc.constant('swap' as const), key, expected: value, value }),
  fc.record({ kind: fc.constant('move' as const), key, to: key }),
);

const smallHistory: fc.Arbitrary<Operation[]> = fc
  .array(
    fc.record({
      input,
      guess: fc.nat(2),
      answered: fc.nat(4).map((draw) => draw > 0),
      place: fc.nat(20),
      length: fc.nat(8),
    }),
    { maxLength: 5 },
  )
  .map((plans) =>
    plans.map((plan, client) => {
      // No two times are equal.
      const start = plan.place * 10 + client;
      const end = start + plan.length * 10 + 5;
      const output = plan.answered ? guessedOutput(plan.input, plan.guess) : null;
      return { client, input: plan.input, output, start, end: output === null ? null : end };
    }),
  );

function guessedOutput(of: Input, guess: number): Output {
  if (of.kind === 'read') return guess;
  return of.kind === 'swap' ? guess > 0 : 'done';
}

function someOrderFits(history: readonly Operation[], state: State = {}): boolean {
  if (history.every(({ end }) => end === null)) return true;
  return history.some((operation) => {
    const others = history.filter((other) => other !== operation);
    if (others.some(({ end }) => end !== null && end < operation.start)) return false;
    const after = registers.step(state, operation.input, operation.output);
    return after !== null && someOrderFits(others, after);
  });
}

/**
 * A correct execution: each operation takes effect somewhere between its start and its end. One of
 * `lossEvery` is never answered.
 */
function executed(count: number, lossEvery: number): Operation[] {
  let seed = 12345;
  const below = (limit: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >>> 8) % limit;
  };
  const history: Operation[] = [];
  const busy: (Omit<Operation, 'output' | 'end'> & { result: Output | null })[] = [];
  let state: State = {};
  for (let time = 0; history.length < count; time += 1) {
    const at = below(8);
    const open = busy[at];
    if (open === undefined || busy.length <= at) {
      const drawnKey = below(2) === 0 ? 'x' : 'y';
      const kinds: readonly Input[] = [
        { kind: 'read', key: drawnKey },
        { kind: 'write', key: drawnKey, value: below(5) },
        { kind: 'swap', key: drawnKey, expected: below(5), value: below(5) },
      ];
      const chosen = kinds[below(3)];
      if (chosen !== undefined) busy.push({ client: at, input: chosen, start: time, result: null });
    } else if (open.result === null) {
      const { result, after } = perform(state, open.input);
      state = after;
      open.result = result;
    } else {
      const { result, ...operation } = open;
      const lost = below(lossEvery) === 0;
      history.push({ ...operation, output: lost ? null : result, end: lost ? null : time });
      busy.splice(at, 1);
    }
  }
  for (const { result: _, ...operation } of busy)
    history.push({ ...operation, output: null, end: null });
  return history;
}
