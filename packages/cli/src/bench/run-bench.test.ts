import { setImmediate as settled } from 'node:timers/promises';
import { ClientError, type ClientErrorCode } from '@kimberlite/client';
import { describe, expect, it } from 'vitest';
import { CliError } from '../fault.ts';
import { failureOf } from './bench-command.ts';
import type { BenchClock } from './bench-watch.ts';
import { type BenchClient, type BenchPlan, runBench } from './run-bench.ts';

/*
 * A client whose calls end as a test says, and a clock that goes where a test says: a dead cluster
 * takes no time.
 */

class ManualClock implements BenchClock {
  #millis = 0;
  readonly #callbacks = new Set<() => void>();

  now(): number {
    return this.#millis;
  }

  every(_millis: number, callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  /** In steps of 100 ms, with what follows of each. */
  async advance(millis: number): Promise<void> {
    await settled();
    for (const end = this.#millis + millis; this.#millis < end; ) {
      this.#millis += 100;
      for (const callback of [...this.#callbacks]) callback();
      await settled();
    }
  }

  get callbacks(): number {
    return this.#callbacks.size;
  }
}

const PLAN: BenchPlan = {
  ...{ callers: 4, valueSize: 10, keys: 10, operations: 100, warmup: 10, reads: 0 },
};

function failed(code: ClientErrorCode, definite = false): ClientError {
  return new ClientError({ code, message: `told ${code}`, definite });
}

/** Calls of one kind: what becomes of the nth. */
type Script = (call: number) => 'answer' | 'hang' | ClientError;

function clientOf(
  put: Script,
  get: Script = () => 'hang',
): BenchClient & { readonly puts: () => number } {
  const calls = { put: 0, get: 0 };
  const end = async <T>(outcome: ReturnType<Script>, answer: T): Promise<T> => {
    if (outcome instanceof ClientError) throw outcome;
    return outcome === 'answer' ? answer : await new Promise<T>(() => {});
  };
  return {
    puts: () => calls.put,
    put: () => end(put((calls.put += 1)), { revision: 1, previous: null }),
    get: () => end(get((calls.get += 1)), null),
  };
}

/** The run's end, whatever it is, without an unhandled rejection on the way. */
function endOf(run: Promise<unknown>): { ended: unknown } {
  const end: { ended: unknown } = { ended: null };
  const settle = (value: unknown): void => {
    end.ended = value;
  };
  void run.then(settle, settle);
  return end;
}

describe('a bench', () => {
  it('ends after 5 seconds in which no call succeeded, with what a read was told', async () => {
    const clock = new ManualClock();
    const noQuorum = (): ClientError => failed('no_quorum', true);
    const client = clientOf((call) => (call <= 50 ? 'answer' : 'hang'), noQuorum);
    const end = endOf(runBench(client, PLAN, { clock }));
    await clock.advance(4_900);
    expect(end.ended).toBeNull();
    await clock.advance(100);
    expect(end.ended).toBeInstanceOf(CliError);
    expect(end.ended).toMatchObject({ code: 'no_quorum', exitCode: 5, definite: false });
    expect(String(end.ended)).toContain(
      'no call succeeded for 5 seconds (measuring: 40 of 100 answered, 0 failed); told no_quorum',
    );
    expect(client.puts()).toBe(54);
    expect(clock.callbacks).toBe(0);
  });

  it('does not wait out its warm-up, and else tells the last error', async () => {
    const clock = new ManualClock();
    const client = clientOf((call) => (call > 4 ? 'hang' : failed('timeout')));
    const end = endOf(runBench(client, { ...PLAN, warmup: 1000 }, { clock }));
    await clock.advance(5_000);
    expect(end.ended).toMatchObject({ code: 'timeout', exitCode: 4 });
    expect(String(end.ended)).toContain('(warm-up: 0 of 1000 answered, 4 failed); told timeout');
  });

  it('goes on for as long as calls succeed', async () => {
    const clock = new ManualClock();
    const answers: (() => void)[] = [];
    const client: BenchClient = {
      get: () => Promise.reject(failed('unreachable', true)),
      put: () => new Promise((done) => answers.push(() => done({ revision: 1, previous: null }))),
    };
    const end = endOf(
      runBench(client, { ...PLAN, callers: 1, warmup: 0, operations: 3 }, { clock }),
    );
    for (let turn = 0; turn < 3; turn += 1) {
      await clock.advance(4_900);
      answers.shift()?.();
      await settled();
    }
    expect(end.ended).toMatchObject({
      operations: 3,
      seconds: 14.7,
      errors: {},
      first_error: null,
    });
  });

  it('shows how far it is', async () => {
    const clock = new ManualClock();
    const seen: string[] = [];
    const client = clientOf((call) => {
      if (call === 11) return failed('timeout');
      return call <= 61 ? 'answer' : 'hang';
    });
    const onProgress = (part: string, ended: number, total: number): void => {
      seen.push(`${part}: ${ended} of ${total}`);
    };
    endOf(runBench(client, PLAN, { clock, onProgress }));
    await clock.advance(200);
    expect(seen.at(-1)).toBe('measuring, 1 failed: 51 of 100');
    await clock.advance(5_000);
  });

  it.each([
    [1, 'warm-up'],
    [11, 'measuring'],
  ])('is no success when call %i, of the %s, failed', async (wrong) => {
    const client = clientOf((call) => (call === wrong ? failed('timeout') : 'answer'));
    const result = await runBench(client, PLAN, { clock: new ManualClock() });
    expect(result.errors).toEqual({ timeout: 1 });
    const failure = failureOf(result);
    expect(failure).toMatchObject({ code: 'timeout', exitCode: 4, definite: false });
    expect(failure?.message).toContain('first: told timeout');
  });

  it('is a success when every call was', async () => {
    const result = await runBench(
      clientOf(() => 'answer'),
      PLAN,
      { clock: new ManualClock() },
    );
    expect(result).toMatchObject({ operations: 100, errors: {}, first_error: null });
    expect(failureOf(result)).toBeNull();
  });

  it('ends with the error of its calls when all of them fail at once', async () => {
    const client = clientOf(() => failed('too_large', true));
    const end = runBench(client, PLAN, { clock: new ManualClock() });
    await expect(end).rejects.toMatchObject({ code: 'too_large', definite: true });
    expect(client.puts()).toBe(10);
  });
});
