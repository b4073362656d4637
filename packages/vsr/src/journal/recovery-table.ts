/**
 * What one WAL slot tells at start, and what to make of it (rule wal-recovery). Corrupt is not
 * absent: `torn` says that the op was provably never acknowledged here, `vsr` that it may have
 * been, so that only peers can tell.
 */
export type SlotDecision =
  /** Header and body agree: the op is here. */
  | 'eql'
  /** Never used. */
  | 'nil'
  /** The body is right; the redundant header is written again from it. */
  | 'fix'
  /** Unreadable with unknown history: dirty and faulty; never a nack. */
  | 'vsr'
  /** Beyond what this replica may hold: dropped. */
  | 'cut'
  /** A body write that never finished: dropped; the op was never acknowledged. */
  | 'torn'
  /** A single replica has no peer to ask: it refuses to start rather than guess. */
  | 'refuse';

export type SlotPart = 'bad' | 'reserved' | 'ok';

/** The inputs of the table. Relations count only when both parts are `ok`. */
export interface SlotEvidence {
  readonly header: SlotPart;
  readonly prepare: SlotPart;
  /** The prepare is the highest op found in any valid header or body. */
  readonly prepareIsMaximum: boolean;
  readonly headerBeyondWindow: boolean;
  readonly prepareBeyondWindow: boolean;
  readonly checksumEqual: boolean;
  /** Sign of header.op - prepare.op. */
  readonly opOrder: 'less' | 'equal' | 'greater';
  /**
   * Torn rule: the readable redundant header is of an op that a durable checkpoint covers or that a
   * view change gave up (or the slot was never used), and the number of such slots is within the
   * writes that can be in flight.
   */
  readonly tornPossible: boolean;
  readonly solo: boolean;
}

export type SlotCase =
  | 'A'
  | 'B'
  | 'C'
  | 'D'
  | 'E'
  | 'F'
  | 'G'
  | 'H'
  | 'I'
  | 'J'
  | 'K'
  | 'L'
  | 'M'
  | 'N'
  | 'O'
  | 'P';

/** Names the row of the table. Total and single-valued for every combination of inputs. */
export function slotCase(evidence: SlotEvidence): SlotCase {
  const { header, prepare } = evidence;
  if (prepare === 'ok' && evidence.prepareBeyondWindow) return 'H';
  if (header === 'ok' && prepare === 'ok' && evidence.headerBeyondWindow) return 'I';
  if (header === 'ok' && prepare === 'reserved' && evidence.headerBeyondWindow) return 'J';
  switch (prepare) {
    case 'bad':
      if (header === 'bad') return 'A';
      return header === 'reserved' ? 'B' : 'C';
    case 'reserved':
      if (header === 'bad') return 'D';
      return header === 'reserved' ? 'L' : 'K';
    case 'ok':
      if (header === 'bad') return evidence.prepareIsMaximum ? 'F' : 'E';
      if (header === 'reserved') return 'G';
      if (evidence.checksumEqual) return 'P';
      if (evidence.opOrder === 'less') return 'M';
      return evidence.opOrder === 'greater' ? 'N' : 'O';
  }
}

/** The decision for each case. */
export function decideSlot(evidence: SlotEvidence): SlotDecision {
  const { solo, tornPossible } = evidence;
  const row = slotCase(evidence);
  switch (row) {
    case 'A':
      return solo ? 'refuse' : 'vsr';
    case 'B':
    case 'C':
      // The header is written after the body and before the ack. A readable header of an older use
      // of the slot proves that nothing newer was acknowledged here: the bad body is a write that
      // did not finish. (A header write that went astray and a body that rotted, both in one slot,
      // would look the same: outside the failure model.)
      if (tornPossible) return 'torn';
      return solo ? 'refuse' : 'vsr';
    case 'D':
    case 'E':
      return solo ? 'fix' : 'vsr';
    case 'F':
    case 'G':
    case 'M':
      return 'fix';
    case 'H':
    case 'I':
    case 'J':
      return 'cut';
    case 'K':
    case 'N':
    case 'O':
      return solo ? 'refuse' : 'vsr';
    case 'L':
      return 'nil';
    case 'P':
      return 'eql';
  }
}
