import { describe, expect, it } from 'vitest';
import { checkHonestPeers } from './honest-peers.ts';

describe('honest peers', () => {
  it('drop what is late or twice, and never what only a liar would send', () => {
    const dropped = { kind: 'dropped', command: 'do_view_change', from: 1 } as const;
    expect(() => checkHonestPeers(0, { ...dropped, reason: 'stale_view' })).not.toThrow();
    expect(() => checkHonestPeers(0, { ...dropped, reason: 'log_conflict' })).toThrow(
      'replica 0 drops a do_view_change of replica 1: log_conflict',
    );
  });
});
