import { encodeCalls, KERNEL_CALLS } from '@kimberlite/kernel';
import { Checksum, ClientId, type TraceEvent } from '@kimberlite/vsr';
import { describe, expect, it } from 'vitest';
import { KernelWorkload } from '../workload/kernel-workload.ts';
import type { HistoryEntry } from './history.ts';
import { checkHonestLog, checkHonestPeers } from './honest-peers.ts';

type Denial = Extract<TraceEvent, { readonly kind: 'denied' }>['reason'];

const NONE: ReadonlySet<number> = new Set();

describe('honest peers', () => {
  it('drop what is late or twice, and never what only a liar would send', () => {
    const dropped = { kind: 'dropped', command: 'do_view_change', from: 1 } as const;
    expect(() => checkHonestPeers(0, { ...dropped, reason: 'stale_view' }, NONE)).not.toThrow();
    expect(() => checkHonestPeers(0, { ...dropped, reason: 'log_conflict' }, NONE)).toThrow(
      'replica 0 drops a do_view_change of replica 1: log_conflict',
    );
  });

  it('say of no true file that it is an older copy', () => {
    const denied = { kind: 'denied', peer: 1 } as const;
    const judge = (reason: Denial, oldFiles: readonly number[]): void =>
      checkHonestPeers(0, { ...denied, reason }, new Set(oldFiles));
    expect(() => judge('other_incarnation', [])).not.toThrow();
    expect(() => judge('rolled_back', [0])).not.toThrow();
    expect(() => judge('rolled_back', [1])).toThrow(
      'replica 1 says that the true file of replica 0 is an older copy',
    );
  });

  it('give no place in the log to what nobody executes', () => {
    const entry = (operation: number, body: Uint8Array): HistoryEntry => {
      const requestChecksum = Checksum(7n);
      const request = { client: ClientId(1n), session: 1, request: 1, requestChecksum };
      const requests = [{ ...request, operation, body }];
      return { op: 5, checksum: 1n, timestamp: 1, slot: 0, requests };
    };
    const config = { stateBytesMax: 0, historyRevisions: 0 };
    const workload = new KernelWorkload({ callsMax: 4, namespaces: 1, looksShared: 4, config });
    const namespace = Uint8Array.of(1);
    const keys = Array.from({ length: 1024 }, () => Uint8Array.of(1));
    const remove = (count: number): Uint8Array =>
      encodeCalls(Array.from({ length: count }, () => ({ kind: 'delete', namespace, keys })));
    expect(() => checkHonestLog(entry(0, new Uint8Array(0)), workload)).not.toThrow();
    expect(() => checkHonestLog(entry(KERNEL_CALLS, remove(4)), workload)).not.toThrow();
    const invalid = [
      entry(0xfffe, remove(4)),
      entry(KERNEL_CALLS, Uint8Array.of(9)),
      entry(KERNEL_CALLS, remove(5)),
    ];
    for (const bad of invalid) {
      expect(() => checkHonestLog(bad, workload)).toThrow(
        'op 5 holds a request that nobody executes: 0',
      );
      const [request] = bad.requests;
      const context = { op: 5, index: 0, timestamp: 1, now: 1, random: (): number => 0 };
      if (request === undefined) throw new Error('a request');
      expect(workload.model().execute(request, context)).toEqual(new Uint8Array(0));
    }
  });
});
