// What a state machine may not touch has to be touched here, and compared with what it was.
/* oxlint-disable no-restricted-globals, no-restricted-properties, typescript/unbound-method */
import type { ExecuteContext, Prng, Request, StateMachine } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { counterMachine, counterWorkload } from '../workload/counter-machine.ts';
import type { Workload, WorkloadRequest } from '../workload/workload.ts';
import {
  type StateMachineReport,
  type StateMachineTest,
  testStateMachine,
} from './test-state-machine.ts';

type Execute = (request: Request, context: ExecuteContext) => Uint8Array;

/** The counter machine with another execution. */
function workloadWith(execute: (sound: Execute) => Execute): () => Workload {
  const sound: Execute = (request, context) => counterMachine.execute(request, context);
  const machine = (): StateMachine => ({ ...counterMachine, execute: execute(sound) });
  return () => ({ ...counterWorkload, name: 'machine of the user', stateMachine: machine });
}

function tested(
  execute: (sound: Execute) => Execute,
  scenario = 'storage_faults',
): StateMachineReport {
  return testStateMachine(workloadWith(execute), { seed: 1n, runs: 3, scenario, replays: 0 });
}

function messageOf(report: StateMachineReport): string {
  return report.failure?.message ?? 'none';
}

describe('testing a state machine', { timeout: 120_000 }, () => {
  it('passes a sound one, and leaves the host as it was', () => {
    const seen: string[] = [];
    const before = [Date, Math.random, performance.now];
    const report = testStateMachine(() => counterWorkload, {
      ...{ seed: 1n, runs: 2, scenario: 'baseline' },
      onRun: ({ seed, verdict }) => seen.push(`${seed} ${verdict}`),
    });
    expect(report).toMatchObject({ runs: 2, failure: null });
    expect(report.totals.requestsAnswered).toBeGreaterThan(0);
    expect(seen).toEqual(['1 ok', '2 ok']);
    expect([Date, Math.random, performance.now]).toEqual(before);
    expect(Date.now()).toBeGreaterThan(0);
  });

  it('finds state that does not survive a restart, at the request that shows it', () => {
    const report = tested((sound) => {
      const count = { calls: 0 };
      return (request, context) => {
        count.calls += 1;
        context.put(16, Uint8Array.of(200), Uint8Array.of(count.calls & 0xff));
        return sound(request, context);
      };
    });
    expect(messageOf(report)).toMatch(/^determinism: request \d+ of op \d+ does not do the same/);
    expect(report.failure?.explanation).toMatch(
      /broken: determinism: .*\nby replica \d, at op \d+/,
    );
    expect(report.failure?.explanation).not.toMatch(/\n +at /);
  });

  it.each([
    ['Date.now', () => Date.now()],
    ['new Date()', () => new Date().getTime()],
    ['Math.random', () => Math.random()],
    ['performance.now', () => performance.now()],
    ['setTimeout', () => setTimeout(() => {}, 0)],
    ['queueMicrotask', () => queueMicrotask(() => {})],
  ])('catches %s', (name, call) => {
    const report = tested(
      (sound) => (request, context) => {
        call();
        return sound(request, context);
      },
      'baseline',
    );
    expect(messageOf(report)).toMatch(/^determinism: the state machine /);
    expect(messageOf(report)).toContain(`(${name})`);
    expect(report.failure?.explanation).toMatch(/\n +at .*test-state-machine\.test\.ts/);
    expect(Date.now()).toBeGreaterThan(0);
  });

  it('lets dates be made of numbers', () => {
    const report = tested(
      (sound) => (request, context) => {
        if (new Date(context.now / 1000).getTime() <= 0) throw new Error('no date');
        return sound(request, context);
      },
      'baseline',
    );
    expect(report.failure).toBeNull();
  });

  it('catches an execution that waits, and one that changes its request', () => {
    const waiting = (sound: Execute): unknown => {
      return (request: Request, context: ExecuteContext) =>
        Promise.resolve(sound(request, context));
    };
    // SAFETY: what a program without types would do.
    const waits = tested((sound) => waiting(sound) as Execute, 'baseline');
    expect(messageOf(waits)).toMatch(/execute must return bytes/);
    const changes = tested(
      (sound) => (request, context) => {
        const reply = sound(request, context);
        request.body[0] = 7;
        return reply;
      },
      'baseline',
    );
    expect(messageOf(changes)).toMatch(/execute changes its request/);
  });

  it('catches a reply above its limit, as production does', () => {
    const report = tested(() => () => new Uint8Array(100), 'baseline');
    expect(messageOf(report)).toMatch(
      /^determinism: the state machine's execute at op \d+, .* 100 bytes, above its replyLimit 8$/,
    );
  });

  it('catches an answer that the model does not give, and shows both', () => {
    const report = tested(
      (sound) => (request, context) => {
        const reply = sound(request, context);
        return context.op % 50 === 0 ? Uint8Array.of(0x6e, 0x6f) : reply;
      },
      'baseline',
    );
    expect(messageOf(report)).toMatch(
      /^replies: request \d+ of op \d+: wrong answer to operation 1\d, body [0-9a-f]+ ".*"; /,
    );
    expect(messageOf(report)).toMatch(/expected [0-9a-f]{16} ".{8}", got 6e6f "no"$/);
    const { wrongReply } = report.failure ?? {};
    expect(wrongReply?.operation).toBeGreaterThanOrEqual(16);
    expect(wrongReply?.expected).toHaveLength(8);
    expect(wrongReply?.got).toEqual(Uint8Array.of(0x6e, 0x6f));
  });

  it('blames a read that prefetch did not name on who made it, in the words of production', () => {
    const report = tested(
      (sound) => (request, context) => {
        if (context.op > 20) context.get(16, Uint8Array.of(0x6b, 0x65, 0x79, 0));
        return sound(request, context);
      },
      'baseline',
    );
    expect(messageOf(report)).toMatch(
      new RegExp(
        "^determinism: the state machine's execute at op \\d+, operation 1\\d, threw " +
          'AssertionError: only what was named is read: table 16 \\([a-z]+\\), key 6b657900 "key\\."$',
      ),
    );
    expect(report.failure?.stack).toContain('test-state-machine.test.ts');
    expect(report.failure?.explanation).toMatch(/\n +at .*test-state-machine\.test\.ts/);
    expect(report.failure?.explanation).not.toContain('the code itself');
    expect(report.failure?.wrongReply).toBeNull();
  });

  it('asks the queries of the workload, and catches an answer that the model does not give', () => {
    const test = { seed: 1n, runs: 1, scenario: 'baseline', replays: 0 };
    const sound = testStateMachine(() => counterWorkload, test);
    expect(sound.failure).toBeNull();
    expect(sound.totals.queriesAnswered).toBeGreaterThan(0);
    // As a field that execution alone keeps would be: empty at a replica that has just started.
    const forgetful: StateMachine = { ...counterMachine, query: () => new Uint8Array(8) };
    const workload: Workload = { ...counterWorkload, stateMachine: () => forgetful };
    expect(messageOf(testStateMachine(() => workload, test))).toMatch(/^reads: /);
    // Nobody asks, so nobody can tell.
    const { queries: _queries, ...silent } = workload;
    const report = testStateMachine(() => silent, test);
    expect(report.failure).toBeNull();
    expect(report.totals.queriesAnswered).toBe(0);
  });

  it('gives the model the time and the random numbers of the state machine', () => {
    const tell = (now: number, random: number): Uint8Array => {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setFloat64(0, now + random / 0x100000000);
      return bytes;
    };
    const machine: StateMachine = {
      ...counterMachine,
      execute: (_request, context) => tell(context.now, context.random()),
    };
    // Both know other answers.
    const { judge: _judge, queries: _queries, ...workloadOfCounters } = counterWorkload;
    const workload: Workload = {
      ...workloadOfCounters,
      stateMachine: () => machine,
      model: () => ({ execute: (_request, { now, random }) => tell(now, random()) }),
    };
    const report = testStateMachine(() => workload, { seed: 5n, runs: 1, scenario: 'baseline' });
    expect(report.failure).toBeNull();
  });

  it('minimises what it finds', () => {
    const test = { seed: 1n, runs: 3, scenario: 'storage_faults', replays: 60 };
    const report = testStateMachine(
      workloadWith((sound) => {
        const seen = new Set<number>();
        return (request, context) => {
          seen.add(context.op);
          if (context.op > 20 && !seen.has(context.op - 15)) throw new RangeError('forgotten');
          return sound(request, context);
        };
      }),
      test,
    );
    expect(messageOf(report)).toMatch(
      /^determinism: the state machine's execute at op \d+, .* threw RangeError: forgotten$/,
    );
    const explanation = report.failure?.explanation ?? '';
    const smallest = /smallest run: (\d+ faults, \d+ clients, \d+ requests)/.exec(explanation)?.[1];
    expect(explanation).toContain(`minimised to ${smallest}; drawn: 3 replicas`);
    expect(explanation).toContain(', machine of the user, ');
    expect(explanation).not.toContain(', counter, ');
    expect(report.failure?.explanation).toMatch(/^replica 0 /m);
  });

  it.each([
    [{ runs: 0 }, RangeError, 'runs must be a whole number from 1, not 0'],
    [{ runs: 1.5 }, RangeError, 'runs must be a whole number from 1, not 1.5'],
    [{ runs: '3' }, TypeError, 'runs must be a whole number from 1, not the string 3'],
    [{ seed: 1 }, TypeError, 'seed must be a bigint, such as 1n, not the number 1'],
    [{ seed: undefined }, TypeError, 'seed must be a bigint, such as 1n, not undefined'],
    [{ seed: -1n }, RangeError, 'seed must be from 0n to 2^64 - 1, not -1n'],
    [{ seed: (1n << 64n) - 1n, runs: 2 }, RangeError, 'runs must not go beyond seed 2^64 - 1: '],
    [{ replays: -1 }, RangeError, 'replays must be a whole number from 0, not -1'],
    [{ onRun: 'told' }, TypeError, 'onRun must be a function, not the string told'],
  ])('refuses %o', (wrong, type, message) => {
    // SAFETY: what a program without types would do.
    const test = { seed: 1n, runs: 1, ...wrong } as unknown as StateMachineTest;
    const testing = (): unknown => testStateMachine(() => counterWorkload, test);
    expect(testing).toThrow(type);
    expect(testing).toThrow(message);
  });

  it('blames the workload for operations that are none', () => {
    for (const operation of [3, 65_536]) {
      const next = (): WorkloadRequest => ({ operation, body: new Uint8Array(1) });
      const wrong = `drew operation ${operation}; operations are 16 to 65535`;
      const test = { seed: 1n, runs: 1, scenario: 'baseline' };
      const requests = testStateMachine(() => ({ ...counterWorkload, next }), test);
      expect(messageOf(requests)).toBe(`the workload ${wrong}`);
      expect(requests.failure?.explanation).toBe(`seed 1: the workload ${wrong}`);
      const { queries } = counterWorkload;
      if (queries === undefined) throw new Error('counters have queries');
      const asking = { ...counterWorkload, queries: { ...queries, next } };
      expect(messageOf(testStateMachine(() => asking, test))).toBe(
        `queries of the workload ${wrong}`,
      );
    }
  });

  it('ends where validate refuses everything, and not where it refuses nearly everything', () => {
    const test = { seed: 1n, runs: 1, scenario: 'baseline' };
    const machine: StateMachine = { ...counterMachine, validate: () => false };
    const refusing = { ...counterWorkload, stateMachine: () => machine };
    const report = testStateMachine(() => refusing, test);
    expect(messageOf(report)).toMatch(
      /^validate refused 20000 requests in a row, none was accepted .* was operation /,
    );
    expect(report.failure?.seed).toBe(1n);
    // One in a hundred is sound.
    const next = (prng: Prng): WorkloadRequest =>
      prng.below(100) === 0
        ? counterWorkload.next(prng)
        : { operation: 60_000, body: new Uint8Array(1) };
    const impolite = testStateMachine(() => ({ ...counterWorkload, next }), test);
    expect(impolite.failure).toBeNull();
    expect(impolite.totals.definiteRefusals).toBeGreaterThan(1_000);
  });

  it('refuses a scenario that there is not', () => {
    const test = { seed: 1n, runs: 1, scenario: 'nonsense' };
    expect(() => testStateMachine(() => counterWorkload, test)).toThrow(/no scenario 'nonsense'/);
  });
});
