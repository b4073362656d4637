// What a state machine may not touch has to be touched here, and compared with what it was.
/* oxlint-disable no-restricted-globals, no-restricted-properties, typescript/unbound-method */
import type { ExecuteContext, Request, StateMachine } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { counterMachine, counterWorkload } from '../workload/counter-machine.ts';
import type { Workload } from '../workload/workload.ts';
import { type StateMachineReport, testStateMachine } from './test-state-machine.ts';

type Execute = (request: Request, context: ExecuteContext) => Uint8Array;

/** The counter machine with another execution. */
function workloadWith(execute: (sound: Execute) => Execute): () => Workload {
  const sound: Execute = (request, context) => counterMachine.execute(request, context);
  const machine = (): StateMachine => ({ ...counterMachine, execute: execute(sound) });
  return () => ({ ...counterWorkload, stateMachine: machine });
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

  it('catches an answer that the model does not give', () => {
    const report = tested(
      (sound) => (request, context) => {
        const reply = sound(request, context);
        return context.op % 50 === 0 ? new Uint8Array(8) : reply;
      },
      'baseline',
    );
    expect(messageOf(report)).toMatch(/^replies: .*wrong answer/);
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
    expect(report.failure?.explanation).toMatch(/smallest run: \d+ faults, \d+ clients/);
    expect(report.failure?.explanation).toMatch(/^replica 0 /m);
  });

  it('refuses a scenario that there is not', () => {
    const test = { seed: 1n, runs: 1, scenario: 'nonsense' };
    expect(() => testStateMachine(() => counterWorkload, test)).toThrow(/no scenario 'nonsense'/);
  });
});
