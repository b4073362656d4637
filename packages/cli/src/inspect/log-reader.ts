import { sha256 } from '@kimberlite/server';
import {
  type AnyMessage,
  type ClusterConfig,
  decodeHeader,
  HEADER_SIZE,
  type Header,
  isCommand,
  isVouchedFor,
  journalWritesMax,
  type LogHeader,
  type PartRead,
  type PrepareMessage,
  partOf,
  readLengthOf,
  readSlotHeader,
  readSlotMessage,
  recoverLog,
  SECTOR_SIZE,
  type SlotFacts,
  type SlotFault,
} from '@kimberlite/vsr';
import type { DataFileReader } from './data-file-reader.ts';

/** A part of a slot, and for people why it is bad; null where it is not. */
export interface FoundPart {
  readonly part: PartRead;
  readonly fault: string | null;
}

/** One slot of the log. */
export interface FoundSlot {
  readonly header: FoundPart;
  readonly prepare: FoundPart;
  /** A start believes the header without a look at the body, which may have rotted since. */
  readonly vouched: boolean;
}

/** A slot together with the whole prepare that stands in it, or null where none does. */
export interface ReadSlot extends FoundSlot {
  readonly message: PrepareMessage | null;
}

/** What a start makes of a log. */
export interface FoundLog {
  readonly slots: readonly FoundSlot[];
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
    // The bodies are not kept: of a whole log they are more than may be held in memory.
    const { header, prepare, vouched } = readSlot(file, slot);
    slots.push({ header, prepare, vouched });
    onProgress(slot + 1, config.walSlots);
  }
  const reads = slots.map(({ header, prepare, vouched }) => ({
    header: header.part,
    prepare: vouched ? header.part : prepare.part,
  }));
  const solo = superblock.identity.replicaCount === 1;
  const writesMax = journalWritesMax(factsOf(file));
  const recovered =
    recoverLog(reads, { config, superblock, solo, writesMax }) ??
    // Alone it would not start; what peers would make of it still says where the damage is.
    recoverLog(reads, { config, superblock, solo: false, writesMax });
  if (recovered === null) throw new Error('only a single replica refuses a log');
  return { slots, recovered };
}

/**
 * One slot of the log (below `walSlots`), as a start reads it: of the body no more than the sectors
 * that its message fills. A bad sector behind those says nothing of the message, and one within
 * them makes this slot bad: neither is thrown.
 */
export function readSlot(file: DataFileReader, slot: number): ReadSlot {
  const header = readHeader(file, slot);
  const beginning = readBeginning(file, slot);
  if (typeof beginning === 'string') {
    return { header, prepare: bad(beginning), vouched: false, message: null };
  }
  const vouched = isVouched(file, beginning.header, header);
  const body = readBody(file, slot, beginning);
  if (typeof body === 'string') return { header, prepare: bad(body), vouched, message: null };
  const { message, bytes } = body;
  const prepare = good(message.header, bytes);
  return { header, prepare, vouched, message: isCommand(message, 'prepare') ? message : null };
}

/** What fits into its first sector is read whole by every start. */
function isVouched(file: DataFileReader, header: Header, redundant: FoundPart): boolean {
  const entry = entryOf(redundant);
  if (entry === null || header.size <= SECTOR_SIZE) return false;
  return isVouchedFor(file.chosen.state.checkpoint.op, header, entry.header);
}

function readHeader(file: DataFileReader, slot: number): FoundPart {
  const bytes = file.readWhole('wal_headers', slot * HEADER_SIZE, HEADER_SIZE);
  if (bytes === null) return bad(UNREADABLE);
  const header = readSlotHeader(factsOf(file), slot, bytes);
  return typeof header === 'string' ? bad(faultText(file, header, bytes)) : good(header, bytes);
}

interface SlotBeginning {
  readonly header: Header;
  /** The first sector. */
  readonly bytes: Uint8Array;
}

/** The header at the beginning of a slot, or for people why there is none. */
function readBeginning(file: DataFileReader, slot: number): SlotBeginning | string {
  const bytes = file.readWhole('wal_prepares', slot * file.config.messageSizeMax, SECTOR_SIZE);
  if (bytes === null) return UNREADABLE;
  const header = readSlotHeader(factsOf(file), slot, bytes);
  return typeof header === 'string' ? faultText(file, header, bytes) : { header, bytes };
}

interface SlotBody {
  readonly message: AnyMessage;
  /** The sectors that it fills. */
  readonly bytes: Uint8Array;
}

/** What follows such a beginning, or for people why that is not the whole of a message. */
function readBody(file: DataFileReader, slot: number, beginning: SlotBeginning): SlotBody | string {
  const { messageSizeMax } = file.config;
  const { size } = beginning.header;
  if (size > messageSizeMax) return `it is ${size} bytes long`;
  const length = readLengthOf(size);
  const bytes =
    length > SECTOR_SIZE
      ? file.readWhole('wal_prepares', slot * messageSizeMax, length)
      : beginning.bytes;
  if (bytes === null) return UNREADABLE;
  const message = readSlotMessage(factsOf(file), beginning.header, bytes);
  return typeof message === 'string' ? faultText(file, message, bytes) : { message, bytes };
}

const UNREADABLE = 'it cannot be read';

/** What a slot of this file must be. */
function factsOf(file: DataFileReader): SlotFacts {
  const { cluster, replicaCount } = file.chosen.state.identity;
  return { config: file.config, checksum: sha256, cluster, replicaCount };
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
