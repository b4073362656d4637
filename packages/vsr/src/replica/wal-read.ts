import { readLengthOf } from '../journal/slot-read.ts';
import type { LogHeader } from '../message/header-list.ts';
import type { ReadPurpose } from './effect.ts';
import type { Replica } from './replica.ts';

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
