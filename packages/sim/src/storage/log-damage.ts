import type { ChecksumFunction } from '@kimberlite/store';
import {
  type AnyMessage,
  type ClusterConfig,
  decodeHeader,
  decodeMessage,
  HEADER_SIZE,
  isCommand,
  type PrepareHeader,
  peekSize,
  SECTOR_SIZE,
} from '@kimberlite/vsr';
import type { SectorMemory } from './sector-memory.ts';

export interface LogSectors {
  readonly headers: SectorMemory;
  readonly prepares: SectorMemory;
  readonly config: ClusterConfig;
  readonly checksum: ChecksumFunction;
}

interface LogSlot {
  /** The redundant header: a prepare's, none yet, or unreadable. */
  readonly ring: PrepareHeader | 'reserved' | 'bad';
  readonly body: PrepareHeader | 'reserved' | 'bad';
}

/** Bodies above the highest readable op that one crash can leave torn. */
const TORN_MAX = 8;

/**
 * Whether a replica that reads this log may rightly doubt where it ends: something is unreadable,
 * or two different prepares stand in one slot. A write torn by a crash gives no reason: its slot
 * still has the redundant header of a wrap ago.
 */
export function logIsAmbiguous(log: LogSectors): boolean {
  if (log.headers.damagedSectors().length > 0) return true;
  if (log.prepares.damagedSectors().length > 0) return true;
  const slots: LogSlot[] = [];
  for (let walSlot = 0; walSlot < log.config.walSlots; walSlot += 1) {
    slots.push(readSlot(log, walSlot));
  }
  const opMax = Math.max(...slots.map(({ ring, body }) => Math.max(opOf(ring), opOf(body))));
  return slots.some((slot) => slotIsAmbiguous(slot, opMax - log.config.walSlots));
}

function slotIsAmbiguous({ ring, body }: LogSlot, opOneWrapAgo: number): boolean {
  if (ring === 'bad') return true;
  if (body === 'bad') return ring !== 'reserved' && ring.op > opOneWrapAgo + TORN_MAX;
  if (ring === 'reserved' || body === 'reserved') return ring !== 'reserved' && body === 'reserved';
  if (ring.op === body.op) return ring.checksum !== body.checksum;
  return ring.op > body.op;
}

function opOf(part: LogSlot['ring']): number {
  return part === 'bad' || part === 'reserved' ? 0 : part.op;
}

function readSlot(log: LogSectors, walSlot: number): LogSlot {
  const { config, checksum } = log;
  const headerOffset = walSlot * HEADER_SIZE;
  const within = headerOffset % SECTOR_SIZE;
  const ringSector = log.headers.pristine(Math.floor(headerOffset / SECTOR_SIZE));
  const ring = decodeHeader(ringSector.subarray(within, within + HEADER_SIZE), checksum);
  const perSlot = config.messageSizeMax / SECTOR_SIZE;
  const bytes = new Uint8Array(config.messageSizeMax);
  for (let at = 0; at < perSlot; at += 1) {
    bytes.set(log.prepares.pristine(walSlot * perSlot + at), at * SECTOR_SIZE);
  }
  const size = Math.min(peekSize(bytes) ?? 0, bytes.length);
  const message = decodeMessage(bytes.subarray(0, size), checksum);
  return {
    ring: typeof ring === 'string' ? 'bad' : classify({ header: ring }),
    body: typeof message === 'string' ? 'bad' : classify(message),
  };
}

function classify(message: { readonly header: AnyMessage['header'] }): LogSlot['ring'] {
  if (isCommand(message, 'prepare')) return message.header;
  return message.header.command === 'reserved' ? 'reserved' : 'bad';
}
