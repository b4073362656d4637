import { describe, expect, it } from 'vitest';
import {
  decideSlot,
  type SlotCase,
  type SlotDecision,
  type SlotEvidence,
  type SlotPart,
  slotCase,
} from './recovery-table.ts';

/** What one WAL slot can show (rule wal-recovery), as data: a column left out matches anything. */
interface Row {
  readonly row: SlotCase;
  readonly header?: SlotPart;
  readonly prepare?: SlotPart;
  readonly maximum?: boolean;
  readonly headerBeyond?: boolean;
  readonly prepareBeyond?: boolean;
  readonly identical?: boolean;
  readonly order?: SlotEvidence['opOrder'];
  /** Decision with peers, and alone; a pair is [not torn, torn]. */
  readonly peers: SlotDecision | readonly [SlotDecision, SlotDecision];
  readonly solo: SlotDecision | readonly [SlotDecision, SlotDecision];
}

const within = { headerBeyond: false, prepareBeyond: false } as const;
const both = { header: 'ok', prepare: 'ok' } as const;

// Rows H to J can't come about with one replica; `cut` there is as good as any other answer.
const TABLE: readonly Row[] = [
  { row: 'A', header: 'bad', prepare: 'bad', peers: 'vsr', solo: 'refuse' },
  {
    row: 'B',
    header: 'reserved',
    prepare: 'bad',
    peers: ['vsr', 'torn'],
    solo: ['refuse', 'torn'],
  },
  { row: 'C', header: 'ok', prepare: 'bad', peers: ['vsr', 'torn'], solo: ['refuse', 'torn'] },
  { row: 'D', header: 'bad', prepare: 'reserved', peers: 'vsr', solo: 'fix' },
  {
    row: 'E',
    header: 'bad',
    prepare: 'ok',
    prepareBeyond: false,
    maximum: false,
    peers: 'vsr',
    solo: 'fix',
  },
  {
    row: 'F',
    header: 'bad',
    prepare: 'ok',
    prepareBeyond: false,
    maximum: true,
    peers: 'fix',
    solo: 'fix',
  },
  { row: 'G', header: 'reserved', prepare: 'ok', prepareBeyond: false, peers: 'fix', solo: 'fix' },
  { row: 'H', prepare: 'ok', prepareBeyond: true, peers: 'cut', solo: 'cut' },
  { row: 'I', ...both, headerBeyond: true, prepareBeyond: false, peers: 'cut', solo: 'cut' },
  { row: 'J', header: 'ok', prepare: 'reserved', headerBeyond: true, peers: 'cut', solo: 'cut' },
  {
    row: 'K',
    header: 'ok',
    prepare: 'reserved',
    headerBeyond: false,
    peers: 'vsr',
    solo: 'refuse',
  },
  { row: 'L', header: 'reserved', prepare: 'reserved', peers: 'nil', solo: 'nil' },
  { row: 'M', ...both, ...within, identical: false, order: 'less', peers: 'fix', solo: 'fix' },
  {
    row: 'N',
    ...both,
    ...within,
    identical: false,
    order: 'greater',
    peers: 'vsr',
    solo: 'refuse',
  },
  { row: 'O', ...both, ...within, identical: false, order: 'equal', peers: 'vsr', solo: 'refuse' },
  { row: 'P', ...both, ...within, identical: true, peers: 'eql', solo: 'eql' },
];

function matches(row: Row, evidence: SlotEvidence): boolean {
  const same = <T>(wanted: T | undefined, is: T): boolean => wanted === undefined || wanted === is;
  return (
    same(row.header, evidence.header) &&
    same(row.prepare, evidence.prepare) &&
    same(row.maximum, evidence.prepareIsMaximum) &&
    same(row.headerBeyond, evidence.headerBeyondWindow) &&
    same(row.prepareBeyond, evidence.prepareBeyondWindow) &&
    same(row.identical, evidence.checksumEqual) &&
    same(row.order, evidence.opOrder)
  );
}

/** Every combination of the inputs, those that no disk can show included. */
function allEvidence(): SlotEvidence[] {
  const parts = ['bad', 'reserved', 'ok'] as const;
  const orders = ['less', 'equal', 'greater'] as const;
  const found: SlotEvidence[] = [];
  for (const header of parts) {
    for (const prepare of parts) {
      for (const opOrder of orders) {
        for (let bits = 0; bits < 64; bits += 1) {
          found.push({
            header,
            prepare,
            opOrder,
            prepareIsMaximum: (bits & 1) !== 0,
            headerBeyondWindow: (bits & 2) !== 0,
            prepareBeyondWindow: (bits & 4) !== 0,
            checksumEqual: (bits & 8) !== 0,
            tornPossible: (bits & 16) !== 0,
            solo: (bits & 32) !== 0,
          });
        }
      }
    }
  }
  return found;
}

const EVIDENCE = allEvidence();

describe('recovery table', () => {
  it('is exhaustive and mutually exclusive: every combination has one row, and it is that', () => {
    expect(EVIDENCE).toHaveLength(3 * 3 * 3 * 64);
    const used = new Set<SlotCase>();
    for (const evidence of EVIDENCE) {
      const rows = TABLE.filter((row) => matches(row, evidence)).map(({ row }) => row);
      expect(rows).toHaveLength(1);
      expect(slotCase(evidence)).toBe(rows[0]);
      used.add(slotCase(evidence));
    }
    expect(used.size).toBe(TABLE.length);
  });

  it('decides every combination as the table says', () => {
    for (const evidence of EVIDENCE) {
      const row = TABLE.find((candidate) => matches(candidate, evidence));
      const column = evidence.solo ? row?.solo : row?.peers;
      const decision =
        typeof column === 'string' ? column : column?.[evidence.tornPossible ? 1 : 0];
      expect(decideSlot(evidence), JSON.stringify(evidence)).toBe(decision);
    }
  });

  it('refuses only alone, and alone never waits for peers', () => {
    for (const evidence of EVIDENCE) {
      const decision = decideSlot(evidence);
      if (!evidence.solo) expect(decision).not.toBe('refuse');
      if (evidence.solo) expect(decision).not.toBe('vsr');
    }
  });

  it('with peers, takes an unreadable part for an empty slot only by the torn rule', () => {
    // What is cut stands beyond the window: nothing there can have been acknowledged.
    for (const evidence of EVIDENCE) {
      if (evidence.solo || evidence.prepareBeyondWindow) continue;
      if (evidence.header !== 'bad' && evidence.prepare !== 'bad') continue;
      const decision = decideSlot(evidence);
      expect(['vsr', 'fix', 'torn']).toContain(decision);
      if (decision === 'torn') {
        expect(evidence).toMatchObject({ prepare: 'bad', tornPossible: true });
        expect(evidence.header).not.toBe('bad');
      }
      if (decision === 'fix') expect(evidence).toMatchObject({ prepare: 'ok' });
    }
  });
});
