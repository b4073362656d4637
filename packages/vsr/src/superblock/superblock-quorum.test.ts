import { describe, expect, it } from 'vitest';
import { Checksum, View } from '../std/numbers.ts';
import { checkpointAt, superblockFixture } from '../testing/wal-disk.ts';
import type { SuperblockCopy, SuperblockState } from './superblock.ts';
import { type SuperblockFault, selectSuperblock } from './superblock-quorum.ts';

function copyOf(checksum: bigint, state: Partial<SuperblockState>): SuperblockCopy {
  return { checksum: Checksum(checksum), state: superblockFixture(state) };
}

const ANCIENT = copyOf(3n, { sequence: 3, parent: Checksum(2n), view: View(0) });
const OLD = copyOf(5n, { sequence: 5, parent: Checksum(4n), view: View(1) });
const NEW = copyOf(6n, { sequence: 6, parent: Checksum(5n), view: View(2) });

type Outcome = 'old' | 'new' | 'other' | SuperblockFault;

function outcomeOf(copies: readonly (SuperblockCopy | null)[], other: SuperblockCopy): Outcome {
  const chosen = selectSuperblock(copies);
  if (typeof chosen === 'string') return chosen;
  if (chosen === OLD) return 'old';
  if (chosen === NEW) return 'new';
  expect(chosen).toBe(other);
  return 'other';
}

interface Counts {
  readonly old: number;
  readonly new: number;
  readonly other: number;
}

/** Runs all 4^4 disks of four copies, each old, new, torn or `other`. */
function forAllDisks(
  other: SuperblockCopy,
  check: (outcome: Outcome, counts: Counts, disk: string) => void,
): void {
  const kinds = [OLD, NEW, null, other];
  for (let disk = 0; disk < 256; disk += 1) {
    const copies = [0, 2, 4, 6].map((shift) => kinds[(disk >> shift) & 3] ?? null);
    const count = (kind: SuperblockCopy): number => copies.filter((copy) => copy === kind).length;
    const counts = { old: count(OLD), new: count(NEW), other: count(other) };
    check(outcomeOf(copies, other), counts, JSON.stringify(counts));
  }
}

/** What old and new copies alone make of it, before anything else is looked at. */
function plain({ old, new: newer }: Counts): Outcome {
  if (newer >= 2) return 'new';
  if (old >= 2) return 'old';
  return 'quorum_lost';
}

describe('selectSuperblock over all disks of four copies', () => {
  it('old, new and torn: the newest with two copies, never a single one', () => {
    forAllDisks(ANCIENT, (outcome, counts, disk) => {
      if (counts.other > 0) return;
      const expected = counts.old + counts.new === 0 ? 'not_found' : plain(counts);
      expect(outcome, disk).toBe(expected);
    });
  });

  it('a copy that missed several writes changes nothing', () => {
    forAllDisks(ANCIENT, (outcome, counts, disk) => {
      if (counts.other === 0) return;
      // With two such copies alone there is nothing newer that could be believed.
      const without = plain(counts);
      if (without !== 'quorum_lost') expect(outcome, disk).toBe(without);
      else if (counts.other < 2) expect(outcome, disk).toBe('quorum_lost');
      else expect(outcome, disk).toBe(counts.old + counts.new > 0 ? 'parent_skipped' : 'other');
    });
  });

  it('another content with the sequence of a known one is a fork, in any number of copies', () => {
    for (const twin of [NEW, OLD]) {
      const { sequence, parent } = twin.state;
      const fork = copyOf(99n, { sequence, parent, view: View(2) });
      forAllDisks(fork, (outcome, counts, disk) => {
        const beside = twin === NEW ? counts.new : counts.old;
        if (counts.other === 0) return;
        if (beside > 0) expect(outcome, disk).toBe('fork');
        else expect(outcome, disk).not.toBe('not_found');
      });
    }
  });

  it('a newer one that does not name the chosen one as its parent is not connected', () => {
    const stranger = copyOf(77n, { sequence: 7, parent: Checksum(66n), view: View(2) });
    forAllDisks(stranger, (outcome, counts, disk) => {
      if (counts.other === 0) return;
      if (counts.other >= 2) {
        expect(outcome, disk).toBe(counts.new > 0 ? 'parent_not_connected' : 'other');
      } else if (counts.new >= 2) {
        expect(outcome, disk).toBe('parent_not_connected');
      } else if (counts.old >= 2) {
        expect(outcome, disk).toBe('parent_skipped');
      } else {
        expect(outcome, disk).toBe('quorum_lost');
      }
    });
  });

  it('a newer one with another in between has skipped it', () => {
    const ahead = copyOf(88n, { sequence: 8, parent: Checksum(7n), view: View(2) });
    forAllDisks(ahead, (outcome, counts, disk) => {
      if (counts.other !== 1) return;
      const without = plain(counts);
      expect(outcome, disk).toBe(without === 'quorum_lost' ? without : 'parent_skipped');
    });
  });

  it.each([
    ['view', { view: View(1), logView: View(1) }],
    ['log_view', { view: View(2), logView: View(0) }],
    ['checkpoint', { view: View(2), logView: View(1), checkpoint: checkpointAt(0) }],
  ])('one whose %s goes back is not monotonic', (_, fields) => {
    const before = copyOf(6n, {
      sequence: 6,
      view: View(2),
      logView: View(1),
      checkpoint: checkpointAt(16),
    });
    const back = copyOf(77n, {
      sequence: 7,
      parent: Checksum(6n),
      checkpoint: checkpointAt(16),
      ...fields,
    });
    expect(selectSuperblock([back, back, before, null])).toBe('not_monotonic');
    expect(selectSuperblock([before, before, back, null])).toBe('not_monotonic');
    expect(selectSuperblock([before, before, null, null])).toBe(before);
  });

  it('never chooses what fewer than two copies hold', () => {
    const newest = copyOf(77n, { sequence: 7, parent: Checksum(6n), view: View(2) });
    for (const other of [ANCIENT, newest]) {
      forAllDisks(other, (outcome, counts) => {
        if (outcome === 'old') expect(counts.old).toBeGreaterThanOrEqual(2);
        if (outcome === 'new') expect(counts.new).toBeGreaterThanOrEqual(2);
        if (outcome === 'other') expect(counts.other).toBeGreaterThanOrEqual(2);
        // Of two quorums the newer is chosen.
        if (counts.new >= 2) expect(outcome).not.toBe('old');
      });
    }
  });
});
