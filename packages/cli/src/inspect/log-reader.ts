import { sha256 } from '@kimberlite/server';
import {
  type ClusterConfig,
  decodeHeader,
  decodeMessage,
  HEADER_SIZE,
  type Header,
  type LogHeader,
  type PartRead,
  recoverLog,
  SECTOR_SIZE,
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
  const writesMax = solo ? 1 : config.pipelineMax;
  const recovered = recoverLog(reads, { config, superblock, solo, writesMax });
  if (recovered !== null) {
    return { slots, refused: solo && !recovered.headCertain, recovered };
  }
  // Alone it would not start; what peers would make of it still says where the damage is.
  const otherwise = recoverLog(reads, { config, superblock, solo: false, writesMax });
  if (otherwise === null) throw new Error('only a single replica refuses a log');
  return { slots, refused: true, recovered: otherwise };
}

function readHeader(file: DataFileReader, slot: number): FoundPart {
  const bytes = file.readWhole('wal_headers', slot * HEADER_SIZE, HEADER_SIZE);
  if (bytes === null) return bad('it cannot be read');
  const header = headerOfSlot(file, slot, bytes);
  return typeof header === 'string' ? bad(header) : good(header, bytes);
}

function readPrepare(file: DataFileReader, slot: number): FoundPart {
  const { messageSizeMax } = file.config;
  const offset = slot * messageSizeMax;
  const start = file.readWhole('wal_prepares', offset, SECTOR_SIZE);
  if (start === null) return bad('it cannot be read');
  const header = headerOfSlot(file, slot, start);
  if (typeof header === 'string') return bad(header);
  const { size } = header;
  if (size > messageSizeMax) return bad(`it is ${size} bytes long`);
  const length = Math.ceil(size / SECTOR_SIZE) * SECTOR_SIZE;
  const bytes = length > start.length ? file.readWhole('wal_prepares', offset, length) : start;
  if (bytes === null) return bad('it cannot be read');
  const message = decodeMessage(bytes.subarray(0, size), sha256);
  if (typeof message === 'string') return bad(message);
  const solo = file.chosen.state.identity.replicaCount === 1;
  // As at a start: whoever has nobody to fetch it from does not look at it.
  if (!solo && bytes.subarray(size).some((byte) => byte !== 0)) {
    return bad('what follows it in its last sector is not zero');
  }
  return good(header, bytes);
}

/** The header at the start of these bytes, or why it is not one of this slot. */
function headerOfSlot(file: DataFileReader, slot: number, bytes: Uint8Array): Header | string {
  const header = decodeHeader(bytes.subarray(0, HEADER_SIZE), sha256);
  if (typeof header === 'string') return header;
  if (header.cluster !== file.chosen.state.identity.cluster) return 'it is of another cluster';
  if (header.command !== 'reserved' && header.command !== 'prepare') {
    return `it is a ${header.command}`;
  }
  const belongs = slotOf(file.config, header.op);
  return belongs === slot ? header : `it belongs to slot ${belongs}`;
}

/** The slot of an op; of a slot that was never used, its own number. */
export function slotOf(config: ClusterConfig, op: number): number {
  return op % config.walSlots;
}

function good(header: Header, bytes: Uint8Array): FoundPart {
  if (header.command !== 'prepare') return { part: 'reserved', fault: null };
  return { part: { header, bytes: bytes.slice(0, HEADER_SIZE) }, fault: null };
}

function bad(fault: string): FoundPart {
  return { part: 'bad', fault };
}

/** What a part holds of an op, or null. */
export function entryOf({ part }: FoundPart): LogHeader | null {
  return part === 'bad' || part === 'reserved' ? null : part;
}
