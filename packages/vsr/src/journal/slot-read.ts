import type { ChecksumFunction } from '@kimberlite/store';
import { type ClusterConfig, SECTOR_SIZE } from '../config.ts';
import { HEADER_SIZE, type Header } from '../message/layout.ts';
import {
  type AnyMessage,
  type DecodeFault,
  decodeHeader,
  decodeMessage,
} from '../message/message.ts';
import type { Op } from '../std/numbers.ts';
import { isZero } from '../std/zeros.ts';
import type { PartRead } from './recover.ts';

/** What tells whether the bytes of a slot are what a replica of this cluster wrote there. */
export interface SlotFacts {
  readonly config: ClusterConfig;
  readonly checksum: ChecksumFunction;
  readonly cluster: bigint;
  readonly replicaCount: number;
}

/** Why a slot, or the redundant header of one, is bad. */
export type SlotFault =
  | DecodeFault
  | 'other_cluster'
  | 'other_command'
  | 'other_slot'
  | 'too_long'
  | 'padding';

/** Body writes in flight: a single replica writes strictly in order, so only the last can tear. */
export function journalWritesMax(of: Pick<SlotFacts, 'replicaCount' | 'config'>): number {
  return of.replicaCount === 1 ? 1 : of.config.pipelineMax;
}

/** Whole sectors that hold a prepare of this size. */
export function readLengthOf(size: number): number {
  return Math.ceil(size / SECTOR_SIZE) * SECTOR_SIZE;
}

/** The header at the start of these bytes, or why it is none of this slot of this cluster. */
export function readSlotHeader(
  facts: SlotFacts,
  walSlot: number,
  bytes: Uint8Array,
): Header | SlotFault {
  const header = decodeHeader(bytes.subarray(0, HEADER_SIZE), facts.checksum);
  if (typeof header === 'string') return header;
  if (header.cluster !== facts.cluster) return 'other_cluster';
  if (header.command === 'reserved') return header.op === walSlot ? header : 'other_slot';
  if (header.command !== 'prepare') return 'other_command';
  return header.op % facts.config.walSlots === walSlot ? header : 'other_slot';
}

/**
 * The message of this header in the bytes of a slot, or why they are not the whole of it and then
 * zeros.
 */
export function readSlotMessage(
  facts: SlotFacts,
  header: Header,
  bytes: Uint8Array,
): AnyMessage | SlotFault {
  if (header.size > bytes.length) return 'too_long';
  const message = decodeMessage(bytes.subarray(0, header.size), facts.checksum);
  if (typeof message === 'string') return message;
  return isPaddingSound(facts, bytes, header.size) ? message : 'padding';
}

/**
 * Whether what follows a prepare in its last sector is zero, as it was written. A flipped bit there
 * harms nobody yet, but shows a sector that is going bad: with peers it is written anew from them.
 */
function isPaddingSound(
  { replicaCount }: Pick<SlotFacts, 'replicaCount'>,
  bytes: Uint8Array,
  size: number,
): boolean {
  return replicaCount === 1 || isZero(bytes, size, bytes.length);
}

/**
 * Whether a body need not be read, so that a start takes no longer than the log above the
 * checkpoint: the op is part of the checkpoint, so nobody here executes it again or may drop it,
 * and its redundant header, which is written when the body is durable (rule body-header-ack), says
 * the same as the beginning of the slot. Where the rest has rotted since, the scrubber finds it, or
 * who reads it for a peer.
 */
export function isVouchedFor(
  checkpointOp: Op,
  header: Header,
  redundant: Header | SlotFault,
): boolean {
  if (typeof redundant === 'string' || header.command !== 'prepare') return false;
  return redundant.checksum === header.checksum && header.op <= checkpointOp;
}

/** What a part of a slot says of the log, from its header and the bytes that begin with it. */
export function partOf(header: Header | SlotFault, bytes: Uint8Array): PartRead {
  if (typeof header === 'string') return 'bad';
  if (header.command !== 'prepare') return 'reserved';
  return { header, bytes: bytes.slice(0, HEADER_SIZE) };
}
