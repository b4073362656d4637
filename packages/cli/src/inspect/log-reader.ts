import { sha256 } from '@kimberlite/server';
import {
  type ClusterConfig,
  decodeHeader,
  HEADER_SIZE,
  type Header,
  journalWritesMax,
  type LogHeader,
  type PartRead,
  partOf,
  readLengthOf,
  readSlotHeader,
  recoverLog,
  SECTOR_SIZE,
  type SlotFacts,
  type SlotFault,
  slotFault,
} from '@kimberlite/vsr';
import type { DataFileReader } from './data-file-reader.ts';

/** A part of a slot, and why it is bad where it is. */
export interface FoundPart {
  readonly part: PartRead;
  readonly fault: string | null;
}

export interface FoundSlot {
  readonly header: FoundPart;
  readonly prepare: FoundPart;
}

/** What a start makes of a log. */
export interface FoundLog {
  readonly slots: readonly FoundSlot[];
  /** A single replica refuses to start on it. */
  readonly refused: boolean;
  readonly recovered: NonNullable<ReturnType<typeof recoverLog>>;
}

/** Reads every slot of the log, header and body, and judges them exactly as a start would. */
export function readFoundLog(
  file: DataFileReader,
  onProgress: (done: number, total: number) => void,
): FoundLog {
  const { config } = file;
  const superblock = file.chosen.state;
  const slots: FoundSlot[] = [];
  for (let slot = 0; slot < config.walSlots; slot += 1) {
    slots.push({ header: readHeader(file, slot), prepare: readPrepare(file, slot) });
    onProgress(slot + 1, config.walSlots);
  }
  const reads = slots.map(({ header, prepare }) => ({
    header: header.part,
    prepare: prepare.part,
  }));
  const solo = superblock.identity.replicaCount === 1;
  const writesMax = journalWritesMax(factsOf(file));
  const recovered = recoverLog(reads, { config, superblock, solo, writesMax });
  if (recovered !== null) {
    return { slots, refused: solo && !recovered.headCertain, recovered };
  }
  // Alone it would not start; what peers would make of it still says where the damage is.
  const otherwise = recoverLog(reads, { config, superblock, solo: false, writesMax });
  if (otherwise === null) throw new Error('only a single replica refuses a log');
  return { slots, refused: true, recovered: otherwise };
}

/** What a slot of this file must be. */
export function factsOf(file: DataFileReader): SlotFacts {
  const { cluster, replicaCount } = file.chosen.state.identity;
  return { config: file.config, checksum: sha256, cluster, replicaCount };
}

function readHeader(file: DataFileReader, slot: number): FoundPart {
  const bytes = file.readWhole('wal_headers', slot * HEADER_SIZE, HEADER_SIZE);
  if (bytes === null) return bad('it cannot be read');
  const header = readSlotHeader(factsOf(file), slot, bytes);
  return typeof header === 'string' ? bad(faultText(file, header, bytes)) : good(header, bytes);
}

function readPrepare(file: DataFileReader, slot: number): FoundPart {
  const { messageSizeMax } = file.config;
  const facts = factsOf(file);
  const offset = slot * messageSizeMax;
  const start = file.readWhole('wal_prepares', offset, SECTOR_SIZE);
  if (start === null) return bad('it cannot be read');
  const header = readSlotHeader(facts, slot, start);
  if (typeof header === 'string') return bad(faultText(file, header, start));
  const { size } = header;
  if (size > messageSizeMax) return bad(`it is ${size} bytes long`);
  const length = readLengthOf(size);
  const bytes = length > start.length ? file.readWhole('wal_prepares', offset, length) : start;
  if (bytes === null) return bad('it cannot be read');
  const fault = slotFault(facts, header, bytes);
  return fault === null ? good(header, bytes) : bad(faultText(file, fault, bytes));
}

/** For people; of these bytes. */
function faultText(file: DataFileReader, fault: SlotFault, bytes: Uint8Array): string {
  const header = decodeHeader(bytes.subarray(0, HEADER_SIZE), sha256);
  if (typeof header === 'string') return fault;
  switch (fault) {
    case 'other_cluster':
      return 'it is of another cluster';
    case 'other_command':
      return `it is a ${header.command}`;
    case 'other_slot':
      return 'op' in header
        ? `it belongs to slot ${slotOf(file.config, Number(header.op))}`
        : fault;
    case 'padding':
      return 'what follows it in its last sector is not zero';
    default:
      return fault;
  }
}

/** The slot of an op; of a slot that was never used, its own number. */
export function slotOf(config: ClusterConfig, op: number): number {
  return op % config.walSlots;
}

function good(header: Header, bytes: Uint8Array): FoundPart {
  return { part: partOf(header, bytes), fault: null };
}

function bad(fault: string): FoundPart {
  return { part: 'bad', fault };
}

/** What a part holds of an op, or null. */
export function entryOf({ part }: FoundPart): LogHeader | null {
  return part === 'bad' || part === 'reserved' ? null : part;
}
