import { present } from '@kimberlite/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quorumsOf } from '../../membership.ts';
import { logHeaderOf } from '../../message/header-list.ts';
import type { PrepareMessage } from '../../message/message.ts';
import { Op, View } from '../../std/numbers.ts';
import { chainOf, extendChain } from '../../testing/log-fixture.ts';
import { type DvcLog, type LogSelection, selectLog } from './select-log.ts';

const PIPELINE = 4;

interface VoteOptions {
  readonly replica: number;
  readonly logView?: number;
  readonly commitMin?: number;
  /** Ops whose header it does not know. */
  readonly unknown?: readonly number[];
  readonly nack?: readonly number[];
  /** Ops of which it has no body; all others it has. */
  readonly absent?: readonly number[];
}

/** The do_view_change of a replica whose log is `chain`. */
function dvc(chain: readonly PrepareMessage[], options: VoteOptions): DvcLog {
  const { unknown = [], nack = [], absent = [] } = options;
  const op = chain.length - 1;
  const headers: DvcLog['headers'][number][] = [];
  let nackBits = 0;
  let presentBits = 0;
  for (let index = 0; index <= Math.min(PIPELINE, op); index += 1) {
    const at = op - index;
    headers.push(unknown.includes(at) ? null : logHeaderOf(present(chain[at])));
    if (nack.includes(at)) nackBits |= 1 << index;
    if (!absent.includes(at) && !unknown.includes(at)) presentBits |= 1 << index;
  }
  return {
    replica: options.replica,
    logView: View(options.logView ?? 0),
    op: Op(op),
    commitMin: Op(options.commitMin ?? 0),
    headers,
    nackBits,
    presentBits,
  };
}

function select(dvcs: readonly DvcLog[], replicas = 3): LogSelection {
  return selectLog(dvcs, { quorums: quorumsOf(replicas), pipelineMax: PIPELINE });
}

/** Committed ops of the fixtures carry it in their headers: ops above 3 name commit 2. */
const base = chainOf(2);
const log = extendChain(base, 3, { commit: 2 }); // Ops 3 to 5.

function headAfter(dvcs: readonly DvcLog[], replicas = 3): number {
  const selection = select(dvcs, replicas);
  if (selection.kind !== 'selected') throw new Error(selection.kind);
  return selection.op;
}

describe('quorum', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
  ])('of %i voters: nothing is chosen from fewer than %i logs', (replicas, needed) => {
    const dvcs = Array.from({ length: replicas }, (_, replica) => dvc(log, { replica }));
    for (let count = 0; count < needed; count += 1) {
      expect(select(dvcs.slice(0, count), replicas)).toEqual({ kind: 'awaiting_quorum' });
    }
    expect(headAfter(dvcs.slice(0, needed), replicas)).toBe(5);
  });
});

describe('canonical logs', () => {
  it('are those of the highest log_view, however short', () => {
    const shorter = extendChain(base, 1, { view: 2, commit: 2 });
    const dvcs = [dvc(log, { replica: 0, logView: 1 }), dvc(shorter, { replica: 1, logView: 2 })];
    const selection = select(dvcs);
    expect(selection).toMatchObject({ kind: 'selected', op: 3, opBefore: 3 });
    if (selection.kind === 'selected') {
      expect(selection.headers[0]).toEqual(logHeaderOf(present(shorter[3])));
    }
  });

  it('of one log_view: the longest, when it has a copy', () => {
    const dvcs = [dvc(log, { replica: 0 }), dvc(log.slice(0, 4), { replica: 1 })];
    expect(headAfter(dvcs)).toBe(5);
  });

  it('can not disagree', () => {
    const rival = extendChain(base, 3, { commit: 2, timestamp: 99 });
    expect(() => select([dvc(log, { replica: 0 }), dvc(rival, { replica: 1 })])).toThrow(
      'logs of one log_view agree',
    );
  });

  it('give their headers; of other logs only what the sender has executed is trusted', () => {
    const other = dvc(log.slice(0, 5), { replica: 1, logView: 0, commitMin: 2 });
    const lower = dvc(log, { replica: 0, logView: 1, unknown: [2] });
    const chosen = select([lower, other]);
    if (chosen.kind !== 'selected') throw new Error(chosen.kind);
    expect(chosen.headers.map((entry) => entry?.header.op ?? null)).toEqual([5, 4, 3, 2, 1]);
    const untrusted = select([lower, { ...other, commitMin: Op(1) }]);
    if (untrusted.kind !== 'selected') throw new Error(untrusted.kind);
    expect(untrusted.headers.map((entry) => entry?.header.op ?? null)).toEqual([5, 4, 3, null, 1]);
  });
});

describe('a nack quorum', () => {
  it('drops an op and all above it', () => {
    const dvcs = [
      dvc(log, { replica: 0, nack: [4], absent: [4] }),
      dvc(log.slice(0, 4), { replica: 1 }), // Op 4 lies above its head.
    ];
    const selection = select(dvcs);
    expect(selection).toMatchObject({ kind: 'selected', op: 3, opBefore: 5, commitMax: 2 });
  });

  it('of one voter too few drops nothing', () => {
    const dvcs = [dvc(log, { replica: 0, nack: [4] }), dvc(log, { replica: 1 })];
    expect(headAfter(dvcs)).toBe(5);
  });

  it('may count a nack beside a body in memory: it says what a crash would leave', () => {
    const dvcs = [dvc(log, { replica: 0, nack: [5] }), dvc(log, { replica: 1, nack: [5] })];
    expect(headAfter(dvcs)).toBe(4);
  });

  it('of two voters is one: an op that one provably lacks was not committed', () => {
    expect(headAfter([dvc(log, { replica: 0 }), dvc(log.slice(0, 5), { replica: 1 })], 2)).toBe(4);
  });

  it('counts a different prepare of an older log as a nack', () => {
    const rival = extendChain(log.slice(0, 4), 2, { view: 2, commit: 2 });
    const dvcs = [
      dvc(rival, { replica: 0, logView: 2, nack: [4] }),
      dvc(log, { replica: 1, logView: 1 }), // Its op 4 is another one.
    ];
    expect(headAfter(dvcs)).toBe(3);
  });

  it('counts a prepare of an older log where the canonical logs have none as a nack', () => {
    // Given up already: what a later log kept of older views is in its durable headers.
    const dvcs = [
      dvc(log, { replica: 0, logView: 2, unknown: [5], nack: [5] }),
      dvc(log, { replica: 1, logView: 1 }),
    ];
    expect(headAfter(dvcs)).toBe(4);
  });

  it('does not count a canonical log that only lacks the header as a nack', () => {
    const dvcs = [
      dvc(log, { replica: 0, logView: 2, unknown: [5] }),
      dvc(log, { replica: 1, logView: 1 }),
    ];
    expect(select(dvcs)).toEqual({ kind: 'awaiting_repair', op: 5 });
  });

  it('never reaches what is known to be committed', () => {
    const nobody = { nack: [1, 2, 3, 4, 5], absent: [1, 2, 3, 4, 5] };
    // By a sender that has executed it.
    const executed = select([
      dvc(log, { replica: 0, commitMin: 4, ...nobody }),
      dvc(log, { replica: 1, ...nobody }),
    ]);
    expect(executed).toMatchObject({ kind: 'selected', op: 4, commitMax: 4 });
    // By a prepare that names the commit number of its time.
    const named = extendChain(log, 1, { commit: 4 }).slice(0, 7);
    const byHeader = select([
      dvc(named, { replica: 0, nack: [5, 6] }),
      dvc(named, { replica: 1, nack: [5, 6] }),
    ]);
    expect(byHeader).toMatchObject({ kind: 'selected', op: 4, commitMax: 4 });
    // By a head more than a pipeline above.
    const long = extendChain(chainOf(2), 8);
    const byDistance = select([
      dvc(long, { replica: 0, nack: [6, 7, 8, 9, 10] }),
      dvc(long, { replica: 1, nack: [6, 7, 8, 9, 10] }),
    ]);
    expect(byDistance).toMatchObject({ kind: 'selected', op: 6, commitMax: 6 });
  });
});

describe('an op without a nack quorum', () => {
  it('is kept when one of the voters has it', () => {
    const dvcs = [
      dvc(log, { replica: 0, absent: [5] }), // Its body has rotted.
      dvc(log, { replica: 1 }),
    ];
    expect(headAfter(dvcs)).toBe(5);
  });

  it('is waited for when the only copies are rotten: corrupt is not absent', () => {
    const rotten = [
      dvc(log, { replica: 0, absent: [5] }),
      dvc(log, { replica: 1, absent: [5], nack: [5] }),
    ];
    expect(select(rotten)).toEqual({ kind: 'awaiting_repair', op: 5 });
    // The third log decides it: one way or the other.
    expect(headAfter([...rotten, dvc(log, { replica: 2 })])).toBe(5);
    expect(headAfter([...rotten, dvc(log.slice(0, 5), { replica: 2 })])).toBe(4);
  });

  it('is never guessed, not even with all logs in', () => {
    const dvcs = [0, 1, 2].map((replica) => dvc(log, { replica, absent: [4] }));
    expect(select(dvcs)).toEqual({ kind: 'awaiting_repair', op: 4 });
  });

  it('needs an explicit copy: neither nacked nor blank is not present', () => {
    // A good header over a faulty body, in both.
    const dvcs = [dvc(log, { replica: 0, absent: [3] }), dvc(log, { replica: 1, absent: [3] })];
    expect(select(dvcs)).toEqual({ kind: 'awaiting_repair', op: 3 });
  });

  it('needs a copy of the canonical prepare: another one of the same op is none', () => {
    const rival = extendChain(log.slice(0, 4), 2, { view: 2, commit: 2 });
    const dvcs = [
      dvc(rival, { replica: 0, logView: 2, absent: [4] }),
      dvc(log, { replica: 1, logView: 1 }),
    ];
    expect(select(dvcs)).toEqual({ kind: 'awaiting_repair', op: 4 });
  });

  it('counts a copy of an older log_view when it is the same prepare', () => {
    const dvcs = [
      dvc(log, { replica: 0, logView: 2, absent: [5] }),
      dvc(log, { replica: 1, logView: 1 }),
    ];
    expect(headAfter(dvcs)).toBe(5);
  });

  it('needs its canonical header: a blank is not decided by what lies above', () => {
    const dvcs = [dvc(log, { replica: 0, unknown: [4] }), dvc(log, { replica: 1, unknown: [4] })];
    expect(select(dvcs)).toEqual({ kind: 'awaiting_repair', op: 4 });
    expect(headAfter([...dvcs, dvc(log, { replica: 2 })])).toBe(5);
  });

  it('is dropped by nacks also where no canonical log knows its header', () => {
    const dvcs = [
      dvc(log, { replica: 0, unknown: [4], nack: [4] }),
      dvc(log, { replica: 1, unknown: [4], nack: [4] }),
    ];
    expect(headAfter(dvcs)).toBe(3);
  });
});

describe('commit evidence', () => {
  it('above every canonical head is waited for', () => {
    const short = extendChain(base, 1, { view: 2, commit: 2 });
    const dvcs = [
      dvc(short, { replica: 0, logView: 2 }),
      dvc(log, { replica: 1, logView: 1, commitMin: 4 }),
    ];
    expect(select(dvcs)).toEqual({ kind: 'awaiting_repair', op: 4 });
  });

  it('comes from all logs, those of older views too', () => {
    const canonical = extendChain(log, 1, { view: 2, commit: 2 });
    const selection = select([
      dvc(canonical, { replica: 0, logView: 2 }),
      dvc(log, { replica: 1, logView: 1, commitMin: 5 }),
    ]);
    expect(selection).toMatchObject({ kind: 'selected', op: 6, commitMax: 5 });
  });
});

describe('timestamp floor', () => {
  it('lies above all heads, those of dropped ops too', () => {
    const stamped = extendChain(base, 1, { timestamp: 500, commit: 2 });
    const dropped = extendChain(stamped, 1, { timestamp: 900, commit: 2 });
    const selection = select([
      dvc(dropped, { replica: 0, nack: [4] }),
      dvc(stamped, { replica: 1 }),
    ]);
    expect(selection).toMatchObject({ kind: 'selected', op: 3, timestampFloor: 900 });
  });
});

describe('an op below a gap of the canonical log', () => {
  it('is not denied by the copy that an older log has of it: unknown is not given up', () => {
    const canonical = extendChain(log, 2, { view: 2, commit: 2 });
    const dvcs = [
      dvc(base, { replica: 0, logView: 0 }),
      dvc(log, { replica: 1, logView: 1 }),
      // It has ops 6 and 7; what stands at 3 to 5 it can't vouch for, nor deny.
      dvc(canonical, { replica: 2, logView: 2, unknown: [3, 4, 5] }),
    ];
    expect(select(dvcs).kind).toBe('awaiting_repair');
  });
});

/** Logs of two log_views that part at op 4, each of them with holes, denials and missing bodies. */
const OLDER = extendChain(base, 5, { commit: 2 });
const NEWER = extendChain(OLDER.slice(0, 4), 4, { view: 2, commit: 2 });
const opsAbove = fc.subarray([2, 3, 4, 5, 6]);

function logOf(replica: number): fc.Arbitrary<DvcLog> {
  const shape = { newer: fc.boolean(), op: fc.integer({ min: 4, max: 7 }), commitMin: fc.nat(3) };
  const holes = { unknown: opsAbove, nack: opsAbove, absent: opsAbove };
  return fc.record({ ...shape, ...holes }).map(({ newer, op, unknown, ...rest }) => {
    const known = { unknown: unknown.filter((each) => each !== op) };
    const chain = (newer ? NEWER : OLDER).slice(0, op + 1);
    return dvc(chain, { ...rest, ...known, replica, logView: newer ? 2 : 1 });
  });
}

describe('the order in which logs come', () => {
  it('decides nothing: every candidate that is shown the same logs chooses alike', () => {
    const seen = new Set<string>();
    const logs = fc.tuple(logOf(0), logOf(1), logOf(2), logOf(3), logOf(4));
    const orders = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 });
    fc.assert(
      fc.property(logs, orders, (told, order) => {
        const chosen = select(told, 5);
        seen.add(chosen.kind);
        const shuffled = order.map((place) => present(told[place]));
        expect(select(shuffled, 5)).toEqual(chosen);
      }),
      { numRuns: 500 },
    );
    expect([...seen].sort()).toEqual(['awaiting_repair', 'selected']);
  });
});
