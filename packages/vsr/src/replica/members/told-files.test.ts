import { describe, expect, it } from 'vitest';
import { SLOT_COUNT } from '../../membership.ts';
import { encodeKnownFiles, type KnownFile, UNKNOWN_FILE } from '../../message/known-files.ts';
import { Op } from '../../std/numbers.ts';
import { fileOf, withFile } from '../../superblock/introductions.ts';
import { fromPeer, greeting, pingOf, ReplicaHarness } from '../../testing/replica-harness.ts';

const NEW = { incarnation: 77n, since: Op(40) };
/** Of the others, as the harness introduces them. */
const FIRST = { incarnation: 9n, since: Op(0) };

/** A pong of a peer's file, which tells of these, by slot. */
function tells(
  harness: ReplicaHarness,
  slot: number,
  told: Readonly<Record<number, KnownFile>>,
  incarnation = 9n,
): void {
  const files = Array.from({ length: SLOT_COUNT }, (_, other) => told[other] ?? UNKNOWN_FILE);
  const { view: _, incarnation: __, ...fields } = greeting(slot).header;
  const author = { slot, view: 0, incarnation };
  harness.deliver(fromPeer(author, 'pong', fields, encodeKnownFiles(files)));
  harness.settle();
}

function known(harness: ReplicaHarness, slot: number): KnownFile {
  return fileOf(harness.replica.superblock.durable.introductions, slot);
}

describe('a file of which peers tell that it took the place of a lost one', () => {
  it('counts when two of them say the same', () => {
    const harness = new ReplicaHarness({ slot: 1, replicaCount: 5 }).start();
    tells(harness, 0, { 3: NEW });
    tells(harness, 0, { 3: NEW });
    tells(harness, 2, { 3: { ...NEW, incarnation: 78n } });
    tells(harness, 4, { 3: { ...NEW, since: Op(41) } });
    expect(known(harness, 3)).toEqual(FIRST);
    tells(harness, 2, { 3: NEW });
    expect(known(harness, 3)).toEqual(NEW);
    expect(harness.traced('recovered')).toMatchObject([{ peer: 3, op: 40 }]);
  });

  it('may be one of the two, and the other a stranger too', () => {
    const harness = new ReplicaHarness({ slot: 1, replicaCount: 5 }).start();
    const other = { incarnation: 66n, since: Op(30) };
    tells(harness, 3, { 2: other, 3: NEW }, 77n);
    expect([known(harness, 2), known(harness, 3)]).toEqual([FIRST, FIRST]);
    tells(harness, 2, { 2: other, 3: NEW }, 66n);
    expect([known(harness, 2), known(harness, 3)]).toEqual([other, NEW]);
  });

  it('counts no more when a newer one does', () => {
    const harness = new ReplicaHarness({ slot: 1, replicaCount: 5 }).start();
    for (const slot of [0, 2]) tells(harness, slot, { 3: NEW });
    const older = { incarnation: 66n, since: Op(30) };
    for (const slot of [0, 2]) tells(harness, slot, { 3: older });
    expect(known(harness, 3)).toEqual(NEW);
  });

  it('is not believed to be this replica itself', () => {
    const harness = new ReplicaHarness({ slot: 1, replicaCount: 5 }).start();
    for (const slot of [0, 2, 4]) tells(harness, slot, { 1: NEW });
    expect(known(harness, 1).incarnation).toBe(harness.replica.incarnation);
    expect(harness.replica.status).not.toBe('recovering');
  });

  it('is told in every pong from then on, and before there is none nothing is', () => {
    const harness = new ReplicaHarness({ slot: 1, replicaCount: 5 }).start();
    const told = (): number => {
      harness.takeAll();
      harness.deliver(pingOf(0));
      return harness.take('pong')[0]?.message.body.length ?? -1;
    };
    expect(told()).toBe(0);
    for (const slot of [0, 2]) tells(harness, slot, { 3: NEW });
    expect(told()).toBe(encodeKnownFiles(harness.replica.introductions.files).length);
  });
});

describe('the first file of a member', () => {
  /** Slot 1 of three, which knows nobody. */
  function stranger(): ReplicaHarness {
    return new ReplicaHarness({ slot: 1, replicaCount: 3, introduced: false }).start();
  }

  it('is noted by one that was formatted when it pings', () => {
    const harness = stranger();
    harness.deliver(pingOf(2));
    harness.settle();
    expect(known(harness, 2)).toEqual(FIRST);
  });

  it('is noted by one that took the place of a lost one when two say so', () => {
    const harness = stranger();
    const { replica } = harness;
    const own = { incarnation: replica.incarnation, since: Op(40) };
    replica.introductions = withFile(replica.introductions, 1, own);
    const formattedAnew = { incarnation: 5n };
    harness.deliver(pingOf(2, formattedAnew));
    tells(harness, 2, { 2: { incarnation: 5n, since: Op(0) } }, 5n);
    tells(harness, 0, { 0: FIRST, 2: FIRST });
    expect([known(harness, 0), known(harness, 2)]).toEqual([UNKNOWN_FILE, UNKNOWN_FILE]);
    tells(harness, 2, { 0: FIRST, 2: FIRST });
    expect([known(harness, 0), known(harness, 2)]).toEqual([FIRST, FIRST]);
  });
});
