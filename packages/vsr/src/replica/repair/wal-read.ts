import { assert } from '@kimberlite/store';
import { readLengthOf, readSlotMessage } from '../../journal/slot-read.ts';
import type { LogHeader } from '../../message/header-list.ts';
import { isCommand, type PrepareMessage } from '../../message/message.ts';
import type { ReadPurpose, ReplicaEvent } from '../effect.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';

/** Asks the disk for the prepare of a known header. */
export function readPrepare(
  r: Replica,
  { header }: LogHeader,
  purpose: Exclude<ReadPurpose, { kind: 'start' }>,
): void {
  r.out.push({
    kind: 'read_prepare',
    walSlot: r.journal.slotOf(header.op),
    length: readLengthOf(header.size),
    op: header.op,
    checksum: header.checksum,
    purpose,
  });
}

/**
 * The body that was read, when it is what was asked for; else the slot is marked faulty: what was
 * written is never assumed to be what is read.
 */
export function takePrepareRead(
  r: Replica,
  event: Extract<ReplicaEvent, { kind: 'prepare_read' }>,
): PrepareMessage | null {
  const { op, checksum, bytes } = event;
  assert(op !== null && checksum !== null, 'asked for one prepare');
  const wanted = r.journal.header(op)?.header;
  if (wanted?.checksum !== checksum) return null; // Replaced meanwhile.
  const message = bytes === null ? 'size' : readSlotMessage(r, wanted, bytes);
  if (typeof message !== 'string' && isCommand(message, 'prepare')) {
    if (message.header.checksum === checksum) return message;
  }
  if (r.journal.isReadable(op)) {
    r.journal.markFaulty(op);
    trace(r, { kind: 'corrupt', what: 'prepare', place: r.journal.slotOf(op), found: 'read' });
    r.timers.hurry('repair');
  }
  return null;
}
