import { present } from '@kimberlite/store';
import { describe, expect, it } from 'vitest';
import { CONFIG_SIMULATION } from '../config.ts';
import { logHeaderOf } from '../message/header-list.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import type { PrepareMessage } from '../message/message.ts';
import { Op } from '../std/numbers.ts';
import { headerIn, JournalBench } from '../testing/journal-bench.ts';
import { chainOf, prepareAfter } from '../testing/log-fixture.ts';
import { WalDisk } from '../testing/wal-disk.ts';

const SLOTS = CONFIG_SIMULATION.walSlots;
const CHAIN = chainOf(40);

function message(op: number): PrepareMessage {
  return present(CHAIN[op]);
}

/** Another prepare of the same op, as a later view would have it. */
function rival(op: number): PrepareMessage {
  return prepareAfter(message(op - 1), { view: 3 });
}

describe('what a slot says', () => {
  interface Saying {
    readonly name: string;
    readonly prepare: (bench: JournalBench) => void;
    readonly nack: boolean;
    readonly present: boolean;
    readonly durable: boolean;
  }

  const doubtful = (): JournalBench => {
    const disk = new WalDisk(SLOTS);
    for (let op = 1; op <= 5; op += 1) disk.acknowledge(message(op));
    disk.slot(1).header = 'bad';
    return new JournalBench({ disk });
  };

  // Op 1 in each state, and what a do_view_change may say of it (rules nack-proof,
  // present-explicit).
  const sayings: readonly Saying[] = [
    { name: 'never used', prepare: () => {}, nack: true, present: false, durable: false },
    {
      name: 'header known, body never here',
      prepare: ({ journal }) => journal.setHeader(logHeaderOf(message(1))),
      nack: true,
      present: false,
      durable: false,
    },
    {
      name: 'body being written',
      prepare: (bench) => bench.append(message(1)),
      nack: true,
      present: true,
      durable: false,
    },
    {
      name: 'body written, header being written',
      prepare: (bench) => {
        bench.append(message(1));
        bench.bodyDone(message(1));
      },
      nack: true,
      present: true,
      durable: false,
    },
    {
      name: 'durable',
      prepare: (bench) => bench.settle(message(1)),
      nack: false,
      present: true,
      durable: true,
    },
    {
      name: 'durable and no longer in memory',
      prepare: (bench) => {
        bench.settle(message(1));
        bench.journal.dropBody(Op(1));
      },
      nack: false,
      present: true,
      durable: true,
    },
    {
      name: 'rotten',
      prepare: (bench) => {
        bench.settle(message(1));
        bench.journal.dropBody(Op(1));
        bench.journal.markFaulty(Op(1));
      },
      nack: false,
      present: false,
      durable: false,
    },
    {
      name: 'rotten, but still in memory',
      prepare: (bench) => {
        bench.settle(message(1));
        bench.journal.markFaulty(Op(1));
      },
      nack: false,
      present: true,
      durable: false,
    },
    {
      name: 'held by an older op',
      prepare: (bench) => bench.settle(message(1)),
      nack: true,
      present: false,
      durable: false,
    },
  ];

  it.each(sayings)('$name: nack $nack, present $present', (saying) => {
    const bench = new JournalBench();
    saying.prepare(bench);
    const op = Op(saying.name === 'held by an older op' ? 1 + SLOTS : 1);
    expect(bench.journal.isNack(op)).toBe(saying.nack);
    expect(bench.journal.isPresent(op)).toBe(saying.present);
    expect(bench.journal.isDurable(op)).toBe(saying.durable);
  });

  it('a doubtful copy: neither nack nor durable; confirmed, it only lacks its header', () => {
    const bench = doubtful();
    const { journal } = bench;
    journal.startFixes();
    expect(bench.take()).toEqual([]); // Nobody asked for it yet.
    expect(journal.isDoubtful(Op(1))).toBe(true);
    expect([journal.isNack(Op(1)), journal.isPresent(Op(1))]).toEqual([false, true]);
    expect(journal.isDurable(Op(1))).toBe(false);
    journal.confirm(Op(1));
    expect(bench.take()).toEqual(['headers 0']);
    expect(journal.isDoubtful(Op(1))).toBe(false);
    expect([journal.isNack(Op(1)), journal.isPresent(Op(1))]).toEqual([false, true]);
    expect(journal.onHeadersWritten(0)).toEqual([1]);
    expect(journal.isDurable(Op(1))).toBe(true);
    expect(() => journal.confirm(Op(1))).toThrow('the op is doubtful');
  });

  it('a slot unreadable since start: no nack, and its header is made invalid on purpose', () => {
    // More than can have been in flight, so none of them is believed torn. Their redundant headers
    // are readable, and would make them look so after the next crash.
    const disk = new WalDisk(SLOTS);
    for (let op = 1; op <= 5; op += 1) disk.acknowledge(message(op));
    for (let op = 20; op < 25; op += 1) disk.slot(op).prepare = 'bad';
    const bench = new JournalBench({ disk });
    for (let op = 20; op < 25; op += 1) expect(bench.journal.isNack(Op(op))).toBe(false);
    for (let op = 6; op <= 16; op += 1) bench.settle(message(op));
    bench.append(message(17));
    bench.bodyDone(message(17));
    const sector = bench.sectors.at(-1);
    expect(headerIn(sector, 17)).toEqual(logHeaderOf(message(17)).bytes);
    for (let op = 20; op < 25; op += 1) {
      expect(headerIn(sector, op)).toEqual(new Uint8Array(HEADER_SIZE));
    }
    // What was never used stays so.
    expect(headerIn(sector, 25)).toEqual(new Uint8Array(HEADER_SIZE).fill(0xaa));
  });
});

describe('fixes of start-up', () => {
  it('carry no old header of a neighbour that is fixed too', () => {
    const disk = new WalDisk(SLOTS);
    for (const op of [1, 2]) disk.slot(op).prepare = logHeaderOf(message(op));
    const bench = new JournalBench({ disk });
    bench.journal.startFixes();
    expect(bench.take()).toEqual(['headers 0']);
    for (const op of [1, 2]) {
      expect(headerIn(bench.sectors[0], op)).toEqual(logHeaderOf(message(op)).bytes);
    }
  });

  it('write the redundant header only, and then the op counts', () => {
    const disk = new WalDisk(SLOTS);
    disk.acknowledge(message(1));
    disk.slot(2).prepare = logHeaderOf(message(2));
    const bench = new JournalBench({ disk });
    expect(bench.journal.isReadable(Op(2))).toBe(true);
    expect(bench.journal.isDurable(Op(2))).toBe(false);
    expect(bench.journal.isNack(Op(2))).toBe(false);
    bench.journal.startFixes();
    expect(bench.take()).toEqual(['headers 0']);
    expect(headerIn(bench.sectors[0], 1)).toEqual(logHeaderOf(message(1)).bytes);
    expect(bench.journal.onHeadersWritten(0)).toEqual([2]);
    expect(bench.journal.isDurable(Op(2))).toBe(true);
  });
});

describe('bodies in memory', () => {
  it('are those of the known header', () => {
    const bench = new JournalBench();
    bench.journal.cacheBody(message(1));
    expect(bench.journal.body(Op(1))).toBeNull();
    bench.settle(message(1));
    expect(bench.journal.body(Op(1))).toBe(message(1));
    bench.journal.cacheBody(rival(1));
    expect(bench.journal.body(Op(1))).toBe(message(1));
    bench.journal.dropBody(Op(1 + SLOTS)); // Of another op in the slot: not this one.
    expect(bench.journal.body(Op(1))).toBe(message(1));
    bench.journal.setHeader(logHeaderOf(rival(1)));
    expect(bench.journal.body(Op(1))).toBeNull();
  });
});
