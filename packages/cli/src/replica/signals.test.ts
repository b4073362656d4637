import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ONE_SIGNAL_MILLIS, type SignalOptions, type StopReason, signalled } from './signals.ts';

class FakeProcess extends EventEmitter {
  connected = true;
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

interface Asked {
  readonly heardBy: FakeProcess;
  readonly stop: Promise<StopReason>;
  /** Sends a signal so many milliseconds after the start. */
  readonly send: (signal: 'SIGINT' | 'SIGTERM', at: number) => void;
}

function listen(options: Partial<SignalOptions> = {}): Asked {
  const heardBy = new FakeProcess();
  let time = 0;
  const stop = signalled(
    { withParent: false, forceOnSecond: true, ...options },
    heardBy,
    () => time,
  );
  const send = (signal: 'SIGINT' | 'SIGTERM', at: number): void => {
    time = at;
    heardBy.emit(signal);
  };
  return { heardBy, stop, send };
}

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s asks to stop, in good order', async (signal) => {
    const { heardBy, stop, send } = listen();
    send(signal, 5);
    expect(await stop).toBe(signal);
    expect(heardBy.exits).toEqual([]);
  });

  it('takes two that come together for one: the terminal sent it, and npm passed it on', () => {
    const { heardBy, send } = listen();
    send('SIGINT', 1_000);
    send('SIGINT', 1_000 + ONE_SIGNAL_MILLIS - 1);
    expect(heardBy.exits).toEqual([]);
    send('SIGINT', 1_000 + ONE_SIGNAL_MILLIS);
    expect(heardBy.exits).toEqual([130]);
  });

  it('ends at once at a second one, with the code of the signal', () => {
    const { heardBy, send } = listen();
    send('SIGINT', 0);
    send('SIGTERM', 2_000);
    expect(heardBy.exits).toEqual([143]);
  });

  it('is never forced where a parent does that', () => {
    const { heardBy, send } = listen({ forceOnSecond: false });
    send('SIGINT', 0);
    send('SIGINT', 60_000);
    expect(heardBy.exits).toEqual([]);
  });

  it('stops when the parent is gone, before or after', async () => {
    const late = listen({ withParent: true });
    late.heardBy.emit('disconnect');
    expect(await late.stop).toBe('parent_gone');
    const orphan = new FakeProcess();
    orphan.connected = false;
    const options = { withParent: true, forceOnSecond: false };
    expect(await signalled(options, orphan)).toBe('parent_gone');
  });
});
