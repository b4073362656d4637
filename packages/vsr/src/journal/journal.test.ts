import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { logHeaderOf } from '../message/header-list.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import type { PrepareMessage } from '../message/message.ts';
import { Op } from '../std/numbers.ts';
import { headerIn, JournalBench } from '../testing/journal-bench.ts';
import { chainOf, prepareAfter } from '../testing/log-fixture.ts';

const CHAIN = chainOf(40);

function message(op: number): PrepareMessage {
  return present(CHAIN[op]);
}

/** Another prepare of the same op, as a later view would have it. */
function rival(op: number, view = 3): PrepareMessage {
  return prepareAfter(message(op - 1), { view });
}

describe('order of writes', () => {
  it('is body, then header, then durable', () => {
    const bench = new JournalBench();
    bench.append(message(1));
    expect(bench.take()).toEqual(['body 1']);
    expect(bench.journal.isDurable(Op(1))).toBe(false);
    bench.bodyDone(message(1));
    expect(bench.take()).toEqual(['headers 0']);
    expect(headerIn(bench.sectors[0], 1)).toEqual(logHeaderOf(message(1)).bytes);
    expect(bench.journal.isDurable(Op(1))).toBe(false);
    expect(bench.journal.onHeadersWritten(0)).toEqual([1]);
    expect(bench.journal.isDurable(Op(1))).toBe(true);
    expect(bench.journal.dirtyCount).toBe(0);
  });

  it('shows no header of a body that is not on disk yet', () => {
    const bench = new JournalBench();
    bench.append(message(1));
    bench.append(message(2));
    bench.bodyDone(message(2));
    expect(headerIn(bench.sectors[0], 1)).toEqual(new Uint8Array(HEADER_SIZE).fill(0xaa));
    expect(headerIn(bench.sectors[0], 2)).toEqual(logHeaderOf(message(2)).bytes);
  });

  it('lets writes finish in any order', () => {
    const bench = new JournalBench();
    for (const op of [1, 2, 3]) bench.append(message(op));
    bench.bodyDone(message(3));
    expect(bench.journal.onHeadersWritten(0)).toEqual([3]);
    expect(bench.journal.isDurable(Op(1))).toBe(false);
    expect(bench.journal.isDurable(Op(3))).toBe(true);
  });

  it('gives headers of neighbours that became ready meanwhile one write together', () => {
    const bench = new JournalBench();
    for (const op of [1, 2, 3, 4]) bench.append(message(op));
    bench.bodyDone(message(1));
    bench.take();
    bench.bodyDone(message(3));
    bench.bodyDone(message(2));
    expect(bench.take()).toEqual([]); // The sector is being written.
    expect(bench.journal.onHeadersWritten(0)).toEqual([1]);
    expect(bench.take()).toEqual(['headers 0']);
    expect(bench.journal.onHeadersWritten(0).sort((a, b) => a - b)).toEqual([2, 3]);
    expect(bench.take()).toEqual([]);
  });

  it('writes two sectors at once, but never one twice', () => {
    const bench = new JournalBench();
    for (let op = 1; op <= 14; op += 1) bench.settle(message(op));
    for (const op of [15, 16, 17]) bench.append(message(op));
    bench.take();
    for (const op of [15, 16, 17]) bench.bodyDone(message(op));
    expect(bench.take()).toEqual(['headers 0', 'headers 1']);
    expect(bench.journal.onHeadersWritten(1)).toEqual([16]);
    expect(bench.take()).toEqual(['headers 1']);
  });

  it('owns the bytes of a sector: a later header does not change a write under way', () => {
    const bench = new JournalBench();
    bench.append(message(1));
    bench.append(message(2));
    bench.bodyDone(message(1));
    const before = present(bench.sectors[0]).slice();
    bench.bodyDone(message(2));
    expect(bench.sectors[0]).toEqual(before);
  });
});

describe('limit', () => {
  it('keeps the rest waiting, in order', () => {
    const bench = new JournalBench({ writesMax: 2 });
    for (const op of [1, 2, 3, 4]) bench.append(message(op));
    expect(bench.take()).toEqual(['body 1', 'body 2']);
    expect(bench.journal.writesPending).toBe(4);
    bench.bodyDone(message(2));
    expect(bench.take()).toEqual(['headers 0', 'body 3']);
    expect(bench.journal.writesPending).toBe(3);
  });

  it('of one writes strictly in order: nothing starts while a header is on its way', () => {
    const bench = new JournalBench({ writesMax: 1 });
    for (const op of [1, 2, 3]) bench.append(message(op));
    expect(bench.take()).toEqual(['body 1']);
    bench.bodyDone(message(1));
    expect(bench.take()).toEqual(['headers 0']);
    expect(bench.journal.onHeadersWritten(0)).toEqual([1]);
    expect(bench.take()).toEqual(['body 2']);
    bench.bodyDone(message(2));
    expect(bench.take()).toEqual(['headers 0']);
    bench.append(message(4));
    expect(bench.take()).toEqual([]);
    bench.journal.onHeadersWritten(0);
    expect(bench.take()).toEqual(['body 3']);
  });
});

describe('pause', () => {
  it('starts nothing until it ends; what is under way goes on', () => {
    const bench = new JournalBench();
    bench.append(message(1));
    bench.take();
    bench.journal.pause();
    bench.append(message(2));
    expect(bench.take()).toEqual([]);
    bench.bodyDone(message(1));
    expect(bench.take()).toEqual(['headers 0']);
    expect(bench.journal.onHeadersWritten(0)).toEqual([1]);
    expect(bench.take()).toEqual([]);
    bench.journal.resume();
    expect(bench.take()).toEqual(['body 2']);
  });
});

describe('one slot', () => {
  it('never has two writes in flight: the later waits for the earlier', () => {
    const bench = new JournalBench();
    bench.append(message(1));
    bench.journal.truncate(Op(0));
    bench.append(rival(1));
    bench.append(prepareAfter(rival(1)));
    expect(bench.take()).toEqual(['body 1', 'body 2']);
    bench.bodyDone(message(1)); // Of no use any more: no header is written for it.
    expect(bench.take()).toEqual(['body 1']);
    bench.bodyDone(rival(1));
    expect(headerIn(bench.sectors[0], 1)).toEqual(logHeaderOf(rival(1)).bytes);
    expect(bench.journal.onHeadersWritten(0)).toEqual([1]);
    expect(bench.journal.has(Op(1), rival(1).header.checksum)).toBe(true);
  });

  it('is not called durable by the header of what was replaced', () => {
    const bench = new JournalBench();
    bench.append(message(1));
    bench.bodyDone(message(1));
    bench.journal.truncate(Op(0));
    bench.append(rival(1));
    expect(bench.journal.onHeadersWritten(0)).toEqual([]);
    expect(bench.journal.isDurable(Op(1))).toBe(false);
    bench.bodyDone(rival(1));
    expect(bench.journal.onHeadersWritten(0)).toEqual([1]);
  });

  it('is not called durable while another body is being written into it', () => {
    const bench = new JournalBench();
    bench.append(message(1));
    bench.bodyDone(message(1)); // Its header is in flight.
    bench.journal.truncate(Op(0));
    bench.append(rival(1)); // Its body is in flight, over the other.
    bench.journal.truncate(Op(0));
    bench.journal.setHeader(logHeaderOf(message(1)));
    expect(bench.journal.onHeadersWritten(0)).toEqual([]);
    expect(bench.journal.isDurable(Op(1))).toBe(false);
    bench.bodyDone(rival(1));
    expect(bench.journal.isDurable(Op(1))).toBe(false);
  });

  it('is not called durable when another body was written over it while its header waited', () => {
    const bench = new JournalBench();
    bench.append(message(1));
    bench.bodyDone(message(1)); // Its header is in flight, and hangs.
    bench.journal.truncate(Op(0));
    bench.append(rival(1));
    bench.bodyDone(rival(1)); // On disk, over the other; its header waits for the sector.
    bench.journal.truncate(Op(0));
    bench.journal.setHeader(logHeaderOf(message(1))); // A later view has it after all.
    expect(bench.journal.isWriting(Op(1), message(1).header.checksum)).toBe(false);
    expect(bench.journal.onHeadersWritten(0)).toEqual([]);
    expect(bench.journal.isDurable(Op(1))).toBe(false);
    bench.take();
    bench.journal.write(message(1));
    expect(bench.take()).toEqual(['body 1']);
    bench.bodyDone(message(1));
    while (!bench.journal.isDurable(Op(1))) bench.journal.onHeadersWritten(0);
    expect(headerIn(bench.sectors.at(-1), 1)).toEqual(logHeaderOf(message(1)).bytes);
  });

  it('drops a queued write whose op was replaced before it began', () => {
    const bench = new JournalBench({ writesMax: 1 });
    bench.append(message(1));
    bench.append(message(2));
    bench.journal.truncate(Op(1));
    bench.append(prepareAfter(message(1), { view: 3 }));
    bench.bodyDone(message(1));
    bench.journal.onHeadersWritten(0);
    expect(bench.take()).toEqual(['body 1', 'headers 0', 'body 2']);
    expect(bench.journal.writesPending).toBe(1);
  });

  it('does not get its body again while its header is on its way', () => {
    const bench = new JournalBench();
    const { op, checksum } = message(1).header;
    const writing = (): boolean => bench.journal.isWriting(op, checksum);
    bench.append(message(1));
    expect(writing()).toBe(true);
    expect(() => bench.journal.write(message(1))).toThrow('written once');
    bench.bodyDone(message(1)); // Its header is in flight.
    expect(writing()).toBe(true);
    expect(() => bench.journal.write(message(1))).toThrow('written once');
    bench.append(message(2));
    bench.bodyDone(message(2)); // This one's header waits for the sector.
    expect(bench.journal.isWriting(Op(2), message(2).header.checksum)).toBe(true);
    bench.journal.onHeadersWritten(0);
    expect(writing()).toBe(false);
    expect(bench.journal.isWriting(Op(2), message(2).header.checksum)).toBe(true);
    bench.journal.onHeadersWritten(0);
    expect(bench.journal.isWriting(Op(2), message(2).header.checksum)).toBe(false);
    expect(() => bench.journal.write(message(1))).toThrow('only what is missing is written');
  });

  it('does not get its body again after it was given up and came back', () => {
    const bench = new JournalBench();
    bench.append(message(1));
    bench.bodyDone(message(1));
    bench.take();
    bench.journal.truncate(Op(0));
    bench.journal.setHeader(logHeaderOf(message(1)));
    expect(bench.journal.isWriting(Op(1), message(1).header.checksum)).toBe(true);
    expect(bench.journal.onHeadersWritten(0)).toEqual([1]);
    expect(bench.journal.isDurable(Op(1))).toBe(true);
  });

  it('moves forward only', () => {
    const bench = new JournalBench();
    bench.settle(message(1));
    bench.journal.setHeader(logHeaderOf(message(33)));
    expect(bench.journal.header(Op(1))).toBeNull();
    expect(() => bench.journal.setHeader(logHeaderOf(message(1)))).toThrow('forward only');
  });
});

describe('writing what is not decided', () => {
  it('is refused', () => {
    const bench = new JournalBench();
    expect(() => bench.journal.write(message(1))).toThrow('the header was decided');
    bench.journal.setHeader(logHeaderOf(message(1)));
    expect(() => bench.journal.write(rival(1))).toThrow('the header was decided');
  });
});

describe('truncate', () => {
  it('forgets all above the new head, and nothing below', () => {
    const bench = new JournalBench();
    for (let op = 1; op <= 6; op += 1) bench.settle(message(op));
    bench.append(message(7));
    bench.journal.truncate(Op(4));
    for (let op = 1; op <= 4; op += 1) expect(bench.journal.isDurable(Op(op))).toBe(true);
    for (let op = 5; op <= 7; op += 1) {
      expect(bench.journal.header(Op(op))).toBeNull();
      expect(bench.journal.isNack(Op(op))).toBe(true);
      expect(bench.journal.isPresent(Op(op))).toBe(false);
      expect(bench.journal.body(Op(op))).toBeNull();
    }
    expect(bench.journal.dirtyCount).toBe(0);
  });

  it('keeps the fault mark of a slot', () => {
    const bench = new JournalBench();
    bench.settle(message(1));
    bench.journal.markFaulty(Op(1));
    bench.journal.truncate(Op(0));
    expect(bench.journal.isFaulty(Op(1))).toBe(true);
    expect(bench.journal.isNack(Op(1))).toBe(false);
    expect(bench.journal.dirtyCount).toBe(1);
    bench.journal.setHeader(logHeaderOf(rival(1)));
    expect(bench.journal.isNack(Op(1))).toBe(false);
  });
});

describe('a rotten body', () => {
  it('is no copy and no nack, and becomes good by being written again', () => {
    const bench = new JournalBench();
    bench.settle(message(1));
    bench.journal.dropBody(Op(1));
    bench.journal.markFaulty(Op(1));
    expect(bench.journal.isDurable(Op(1))).toBe(false);
    expect(bench.journal.isReadable(Op(1))).toBe(false);
    expect(bench.journal.isPresent(Op(1))).toBe(false);
    expect(bench.journal.isNack(Op(1))).toBe(false);
    expect(bench.journal.dirtyCount).toBe(1);
    bench.journal.markFaulty(Op(1));
    expect(bench.journal.dirtyCount).toBe(1);
    bench.journal.write(message(1));
    bench.bodyDone(message(1));
    expect(bench.journal.isNack(Op(1))).toBe(false);
    expect(bench.journal.onHeadersWritten(0)).toEqual([1]);
    expect(bench.journal.dirtyCount).toBe(0);
  });

  it('is not concluded from a read of a slot that is just being written', () => {
    const bench = new JournalBench();
    bench.append(message(1));
    bench.journal.markFaulty(Op(1));
    expect(bench.journal.isFaulty(Op(1))).toBe(false);
  });
});
