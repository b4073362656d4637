import { describe, expect, it } from 'vitest';
import { heartbeatOf } from '../../testing/lead.ts';
import { extendChain, fixtureRoot } from '../../testing/log-fixture.ts';
import { backup } from '../../testing/read-fixture.ts';

describe('a heartbeat that was sent before the last one heard', () => {
  it('tells of commits, and that the primary lives it does not', () => {
    const harness = backup();
    const chain = extendChain([fixtureRoot()], 2, { view: 1 });
    for (const message of chain.slice(1)) harness.deliver(message);
    harness.settle();
    const heartbeat = (commit: number, stamp: number): void => {
      harness.deliver(heartbeatOf({ slot: 1, view: 1 }, chain, { commit, stamp }));
    };
    heartbeat(0, 1_000_000_000);
    harness.tick(30);
    heartbeat(1, 1);
    expect(harness.replica.commitMax).toBe(1);
    harness.tick(60);
    expect(harness.replica.viewChange.voting).toBe('primary_silent');
    heartbeat(2, 2);
    expect(harness.replica.commitMax).toBe(2);
    expect(harness.replica.viewChange.voting).toBe('primary_silent');
  });
});
