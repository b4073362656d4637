import { hex128 } from '@kimberlite/server';
import type { DataFileReader } from '../inspect/data-file-reader.ts';
import { type BrokenLink, brokenLinks } from '../inspect/log-check.ts';
import { readFoundLog, slotOf } from '../inspect/log-reader.ts';

/** The hash chain of a log. */
export interface LogVerdict {
  /** Op of the checkpoint, which names the checksum that the chain begins with. */
  readonly checkpointOp: number;
  readonly headOp: number;
  /** Checksum of the head; it stands for the whole log. Null when it is not here. */
  readonly headChecksum: string | null;
  readonly broken: BrokenLink | null;
}

/** Follows the chain of prepares from the checkpoint to the head, and stops where it breaks. */
export function verifyLog(
  file: DataFileReader,
  onProgress: (done: number, total: number) => void,
): LogVerdict {
  const log = readFoundLog(file, onProgress);
  const { checkpoint } = file.chosen.state;
  const { head } = log.recovered;
  const entry = log.recovered.slots[slotOf(file.config, head)]?.entry ?? null;
  const isHead = entry?.header.op === head;
  // With nothing above the checkpoint the chain ends where it begins.
  const checksum = isHead ? entry.header.checksum : null;
  return {
    checkpointOp: checkpoint.op,
    headOp: head,
    headChecksum:
      head === checkpoint.op
        ? hex128(checkpoint.prepareChecksum)
        : checksum === null
          ? null
          : hex128(checksum),
    broken: brokenLinks(file, log).next().value ?? null,
  };
}
