import { type BlockReference, mix128, present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../../config.ts';
import { decodeBlockList, encodeBlockList } from '../../message/block-list.ts';
import { Op } from '../../std/numbers.ts';
import { fromPeer, ReplicaHarness } from '../../testing/replica-harness.ts';
import { noteMissingBlock, requestMissingBlocks } from './block-repair.ts';

const { blockSize } = CONFIG_SIMULATION;

function bytesAt(address: number): Uint8Array {
  return new Uint8Array(blockSize).fill(address);
}

function referenceAt(address: number): BlockReference {
  return { address, checksum: mix128.hash(bytesAt(address)) };
}

function references(count: number): BlockReference[] {
  return Array.from({ length: count }, (_, place) => referenceAt(place + 1));
}

/** A backup that lacks so many blocks, of a checkpoint that it fetches or by rot. */
function lacking(count: number, why: 'fetched' | 'rotten' = 'fetched'): ReplicaHarness {
  const harness = new ReplicaHarness({ slot: 2 }).start();
  harness.replica.syncTarget = why === 'fetched' ? Op(16) : null;
  for (const reference of references(count)) noteMissingBlock(harness.replica, reference);
  harness.take('requestBlocks');
  harness.tick();
  return harness;
}

/** Addresses that each request since the last call asks for. */
function asked(harness: ReplicaHarness): { readonly to: number; readonly of: number[] }[] {
  return harness.take('requestBlocks').map(({ to, message }) => {
    return { to, of: decodeBlockList(message.body).map(({ address }) => address) };
  });
}

function deliver(harness: ReplicaHarness, address: number, slot: number): void {
  const { checksum } = referenceAt(address);
  const fields = { blockChecksum: checksum, address };
  harness.deliver(fromPeer({ slot, view: 0 }, 'block', fields, bytesAt(address)));
  harness.settle();
}

describe('missing blocks', () => {
  it('of a checkpoint are asked for until the budget is used up, each of one peer', () => {
    const requests = asked(lacking(40));
    const peers = requests.map(({ to }) => to);
    expect(peers.sort((first, other) => first - other)).toEqual([0, 0, 1, 1]);
    for (const { of } of requests) expect(of).toHaveLength(8);
    expect(new Set(requests.flatMap(({ of }) => of)).size).toBe(32);
  });

  it('that have come make room for the next request at once', () => {
    const harness = lacking(40);
    const [first] = asked(harness);
    const { to, of } = present(first);
    for (const address of of.slice(1)) deliver(harness, address, to);
    expect(asked(harness)).toEqual([]);
    deliver(harness, present(of[0]), to);
    const [next] = asked(harness);
    expect(present(next).of).toHaveLength(8);
    for (const address of present(next).of) expect(of).not.toContain(address);
  });

  it('are not asked for twice while they may still come', () => {
    const harness = lacking(8);
    expect(asked(harness)).toHaveLength(1);
    harness.tick(4);
    expect(asked(harness)).toEqual([]);
  });
});

describe('blocks that rotted', () => {
  it('and nobody waits for leave a place at each peer for what commits wait for', () => {
    const harness = lacking(40, 'rotten');
    harness.tick(30);
    const peers = asked(harness).map(({ to }) => to);
    expect(peers.sort((first, other) => first - other)).toEqual([0, 1]);
    for (const peer of [0, 1]) expect(harness.replica.budget.hasRoomAt(peer)).toBe(true);
  });

  it('and something waits for are asked for with what else is urgent', () => {
    const { replica } = lacking(40, 'rotten');
    replica.budget.clear();
    replica.restored = false; // Its own checkpoint is being loaded.
    replica.out = [];
    requestMissingBlocks(replica, 'background');
    expect(replica.out).toEqual([]);
    requestMissingBlocks(replica, 'urgent');
    expect(replica.out).toHaveLength(1);
  });

  it('are no progress of a commit that waits for another one, when they come', () => {
    const harness = lacking(8, 'rotten');
    const { replica } = harness;
    replica.stuckSince = replica.tick;
    deliver(harness, 3, 0);
    expect(replica.missingBlocks.has(3)).toBe(false);
    expect(replica.stuckSince).toBe(replica.tick);
  });

  it('are asked for once a round, and what a peer lacks does not hold up the rest', () => {
    const harness = lacking(40, 'rotten');
    const requests = asked(harness);
    expect(requests).toHaveLength(1);
    const { to, of } = present(requests[0]);
    expect(of).toHaveLength(8);
    deliver(harness, present(of[0]), to);
    expect(harness.replica.budget.inFlightCount()).toBe(0);
    expect(asked(harness)).toEqual([]);
    harness.tick();
    expect(asked(harness)).toHaveLength(1);
  });
});

describe('a request for blocks', () => {
  it('is served whole, a few at a time, and no more than a peer may have asked for', () => {
    const harness = new ReplicaHarness({ slot: 2 }).start();
    const reads = (): number => harness.waiting.filter((kind) => kind === 'read_block').length;
    for (const { address } of references(30)) {
      harness.file.write('blocks', (address - 1) * blockSize, bytesAt(address));
    }
    const body = encodeBlockList(references(30));
    harness.deliver(fromPeer({ slot: 0, view: 0 }, 'requestBlocks', {}, body));
    expect(reads()).toBe(4);
    harness.complete('read_block');
    expect(reads()).toBe(4);
    harness.settle();
    const sent = harness.take('block').map(({ message }) => message.header.address);
    expect(sent).toEqual(references(16).map(({ address }) => address));
    harness.deliver(fromPeer({ slot: 0, view: 0 }, 'requestBlocks', {}, body));
    harness.settle();
    expect(harness.take('block')).toHaveLength(16);
  });
});
