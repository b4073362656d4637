import { AssertionError, present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { OPERATION_REGISTER } from '../../message/batch.ts';
import type { Message, PrepareMessage } from '../../message/message.ts';
import type { StateMachine } from '../../state-machine.ts';
import { MachineMisuse, StateMachineError, stateMachineFault } from '../../state-machine-error.ts';
import { Op } from '../../std/numbers.ts';
import { counterMachine, OPERATION_ADD } from '../../testing/counter-machine.ts';
import { heartbeatOf } from '../../testing/lead.ts';
import { fixtureRoot, makeRequest, prepareAfter } from '../../testing/log-fixture.ts';
import { echo, primary, query } from '../../testing/read-fixture.ts';
import { ReplicaHarness } from '../../testing/replica-harness.ts';
import { sessionNumber } from './sessions.ts';

const SESSION = sessionNumber(Op(1), 0);

function register(): Message<'request'> {
  return makeRequest({ client: 5, session: 0, request: 0, operation: OPERATION_REGISTER });
}

function add(): Message<'request'> {
  const body = Uint8Array.of(1);
  return makeRequest({ client: 5, session: SESSION, request: 1, operation: OPERATION_ADD, body });
}

/** A backup that is told to execute an addition at op 2. */
function executing(other: Partial<StateMachine>, file?: ReplicaHarness['file']): ReplicaHarness {
  const stateMachine = { ...counterMachine(), ...other };
  const options = { slot: 1, stateMachine, ...(file === undefined ? {} : { file }) };
  const harness = new ReplicaHarness(options).start();
  const log: PrepareMessage[] = [fixtureRoot()];
  for (const request of [register(), add()]) {
    const timestamp = 1000 * log.length;
    log.push(prepareAfter(present(log.at(-1)), { requests: [request], timestamp }));
  }
  for (const message of log.slice(1)) {
    harness.deliver(message);
    harness.settle();
  }
  harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: 2, stamp: 1 }));
  harness.settle();
  return harness;
}

function thrownBy(call: () => unknown): StateMachineError {
  try {
    call();
  } catch (error) {
    if (error instanceof StateMachineError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const broken = (): never => {
  throw new RangeError('not today\nnor tomorrow');
};

describe('a state machine that does what it may not', () => {
  it.each([
    ['validate', { validate: broken }],
    ['prefetch', { prefetch: broken }],
    ['execute', { execute: broken }],
    ['replyLimit', { replyLimit: broken }],
  ] as const)('is named with the op and the operation when %s throws', (call, other) => {
    const error = thrownBy(() => executing(other));
    expect(error.message).toBe(
      `the state machine's ${call} at op 2, operation 16, threw RangeError: not today`,
    );
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  it('is named when it cannot be opened', () => {
    const machine = { ...counterMachine(), open: broken };
    expect(thrownBy(() => new ReplicaHarness({ slot: 1, stateMachine: machine })).message).toBe(
      "the state machine's open threw RangeError: not today",
    );
  });

  it('is named without an op when the request has no place in the log yet', () => {
    const machine = { ...counterMachine(), validate: broken };
    const harness = primary(undefined, { stateMachine: machine });
    expect(thrownBy(() => harness.deliver(add())).message).toBe(
      "the state machine's validate, operation 16, threw RangeError: not today",
    );
  });

  it.each([
    ['string', 'four'],
    ['null', null],
    ['an object of Promise', Promise.resolve(new Uint8Array(4))],
    ['an object of Array', [1, 2, 3, 4]],
  ])('stops at a reply that is %s', (type, reply) => {
    // SAFETY: what a program without types would do.
    const execute = (() => reply) as unknown as StateMachine['execute'];
    expect(thrownBy(() => executing({ execute })).message).toBe(
      `the state machine's execute at op 2, operation 16, answered with ${type}, ` +
        'not with a Uint8Array',
    );
  });

  it('stops at a reply above its limit, whatever the largest reply of all is', () => {
    const execute = (): Uint8Array => new Uint8Array(5);
    expect(thrownBy(() => executing({ execute })).message).toBe(
      "the state machine's execute at op 2, operation 16, answered with 5 bytes, " +
        'above its replyLimit 4',
    );
  });

  it('loses nothing: the op is in the log, and executes with a machine that can', () => {
    const poisoned = { slot: 1, stateMachine: { ...counterMachine(), execute: broken } };
    const first = new ReplicaHarness(poisoned);
    expect(() => executing({ execute: broken }, first.file)).toThrow(StateMachineError);
    const harness = executing({}, first.file);
    expect(harness.replica.commitMin).toBe(2);
  });

  it('is asked for names in rounds from 0, and stops when they do not come to an end', () => {
    const rounds: number[] = [];
    const machine = counterMachine();
    executing({
      prefetch(request, names, read, round) {
        rounds.push(round);
        machine.prefetch(request, names, read, round);
        return round < 2;
      },
    });
    expect(rounds).toEqual([0, 1, 2]);
    const endless = thrownBy(() => executing({ prefetch: (...[, , , round]) => round >= 0 }));
    expect(endless.message).toMatch(/prefetch at op 2, .*prefetch comes to an end/);
  });

  it('stops at a query that it cannot answer', () => {
    const harness = primary(undefined, {
      stateMachine: { ...counterMachine(), query: () => new Uint8Array(9) },
    });
    harness.deliver(query('linearizable'));
    expect(thrownBy(() => harness.deliver(echo(0, 1))).message).toMatch(
      /^the state machine's query at op \d+, operation 17, answered with 9 bytes/,
    );
  });

  it('names what it reads without having named it, and a table that is not its own', () => {
    const unnamed = thrownBy(() =>
      executing({
        execute: (_, context) => context.get(16, Uint8Array.of(0x61, 9)) ?? new Uint8Array(0),
      }),
    );
    const table = '16 \\([a-z]+\\)';
    expect(unnamed.message).toMatch(
      new RegExp(
        `execute at op 2, operation 16, threw AssertionError: only what was named is read: ` +
          `table ${table}, key 6109 "a\\."$`,
      ),
    );
    expect(unnamed.cause).toBeInstanceOf(AssertionError);
    expect(unnamed.cause).toBeInstanceOf(MachineMisuse);
    const range = thrownBy(() =>
      executing({
        execute: (_, context) => {
          context.range(16, Uint8Array.of(1), null, 5);
          return new Uint8Array(0);
        },
      }),
    );
    expect(range.message).toMatch(/, range from 01 "\." to the end, limit 5$/);
    const core = thrownBy(() =>
      executing({
        execute: (_, context) => {
          context.put(1, Uint8Array.of(9), Uint8Array.of(9));
          return new Uint8Array(0);
        },
      }),
    );
    expect(core.message).toMatch(/a table of the state machine: 16 \([a-z]+\), not 1$/);
    const absent = thrownBy(() =>
      executing({
        prefetch: (_, names) => {
          names.key(99, Uint8Array.of(9));
          return false;
        },
      }),
    );
    expect(absent.message).toMatch(/prefetch at op 2, .* not 99$/);
    expect(absent.cause).toBeInstanceOf(MachineMisuse);
  });

  it('names a combine that throws', () => {
    const tables = [{ id: 16, name: 'sums', combine: broken }];
    const error = thrownBy(() =>
      executing({
        tables,
        execute: (_, context) => {
          const key = Uint8Array.of(9);
          for (const delta of [1, 2]) context.merge(16, key, Uint8Array.of(delta));
          return new Uint8Array(0);
        },
      }),
    );
    expect(error.message).toMatch(/^the state machine's combine of table 16 \(sums\) threw/);
  });
});

describe('the tables of a state machine', () => {
  const table = { id: 16, name: 'a', combine: null };

  it.each([
    [[{ ...table, id: 1 }], 'has a table a with the id 1; ids are from 16 to 4294967295'],
    [[{ ...table, id: 16.5 }], 'has a table a with the id 16.5; ids are from 16 to 4294967295'],
    [[table, { ...table, name: 'b' }], 'has two tables with the id 16'],
  ])('are refused before anything is made', (tables, fault) => {
    const stateMachine = { ...counterMachine(), tables };
    expect(stateMachineFault(stateMachine)).toBe(fault);
    expect(() => new ReplicaHarness({ slot: 0, stateMachine })).toThrow(StateMachineError);
  });

  it.each(['', 'My machine', 'a'.repeat(65)])('and a name that is none: %s', (name) => {
    expect(stateMachineFault({ ...counterMachine(), name })).toMatch(/^has the name '.*1 to 64/);
  });

  it('may have any ids from 16', () => {
    expect(stateMachineFault(counterMachine())).toBeNull();
  });
});
