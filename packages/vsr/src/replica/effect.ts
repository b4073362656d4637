import type { BlockReference } from '@kimberlite/store';
import type { SlotMessage } from '../journal/journal.ts';
import type { AnyMessage } from '../message/message.ts';
import type { Checksum, ClientId, Op, View } from '../std/numbers.ts';
import type { Zone } from '../storage-layout.ts';
import type { FatalReason } from './fatal-reasons.ts';
import type { TraceEvent } from './trace.ts';

/** Why a prepare is read from the ring, handed back with it. */
export type ReadPurpose =
  | { readonly kind: 'start'; readonly walSlot: number }
  | { readonly kind: 'commit' }
  | { readonly kind: 'pipeline' }
  | { readonly kind: 'serve'; readonly range: ServedRange };

/** Prepares that a peer is sent, in order; the rest of a range is read when this one was. */
export interface ServedRange {
  readonly to: number;
  readonly op: Op;
  readonly last: Op;
  /** The view whose primary was asked for its own log; null for ops named by checksum. */
  readonly view: View | null;
}

/**
 * What a replica wants done. An effect never waits for another: what must follow a write is
 * emitted when its completion comes back as an event, so "durable before sent" is data.
 */
export type Effect =
  | { readonly kind: 'send'; readonly to: number; readonly message: AnyMessage }
  | { readonly kind: 'send_client'; readonly client: ClientId; readonly message: AnyMessage }
  | { readonly kind: 'write_prepare'; readonly walSlot: number; readonly message: SlotMessage }
  | { readonly kind: 'write_headers'; readonly sector: number; readonly bytes: Uint8Array }
  | { readonly kind: 'read_headers' }
  | {
      readonly kind: 'read_prepare';
      readonly walSlot: number;
      readonly length: number;
      readonly op: Op | null;
      readonly checksum: Checksum | null;
      readonly purpose: ReadPurpose;
    }
  | { readonly kind: 'write_superblock'; readonly copy: number; readonly bytes: Uint8Array }
  | { readonly kind: 'read_superblock' }
  | { readonly kind: 'write_blocks'; readonly address: number; readonly bytes: Uint8Array }
  | {
      readonly kind: 'read_block';
      readonly reference: BlockReference;
      readonly serveTo: number | null;
    }
  /** The scrubber reads: one at a time. */
  | {
      readonly kind: 'read_scrub';
      readonly zone: Zone;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly kind: 'trace'; readonly event: TraceEvent }
  /** The data file cannot be used, or this replica has diverged: the process must end. */
  | { readonly kind: 'fatal'; readonly reason: FatalReason };

/** What happens to a replica. Completions carry what was asked, and are checked for staleness. */
export type ReplicaEvent =
  | {
      readonly kind: 'message';
      readonly message: AnyMessage;
      readonly monotonic: number;
      readonly wall: number;
    }
  | { readonly kind: 'tick'; readonly monotonic: number; readonly wall: number }
  | { readonly kind: 'work' }
  /** A dial of this peer was refused, after its connection had broken: see peer-gone.ts. */
  | { readonly kind: 'peer_refused'; readonly slot: number }
  | { readonly kind: 'prepare_written'; readonly walSlot: number; readonly checksum: Checksum }
  | { readonly kind: 'headers_written'; readonly sector: number }
  | { readonly kind: 'headers_read'; readonly bytes: Uint8Array | null }
  | {
      readonly kind: 'prepare_read';
      readonly walSlot: number;
      readonly op: Op | null;
      readonly checksum: Checksum | null;
      readonly purpose: ReadPurpose;
      readonly bytes: Uint8Array | null;
    }
  | { readonly kind: 'superblock_written' }
  | { readonly kind: 'superblock_read'; readonly bytes: Uint8Array | null }
  | { readonly kind: 'blocks_written'; readonly address: number }
  | {
      readonly kind: 'block_read';
      readonly reference: BlockReference;
      readonly serveTo: number | null;
      readonly bytes: Uint8Array | null;
    }
  | { readonly kind: 'scrub_read'; readonly bytes: Uint8Array | null };

/** The disk has done what it was asked, the scrubber's reads apart. */
export type Completion = Exclude<
  ReplicaEvent,
  { kind: 'message' | 'tick' | 'work' | 'scrub_read' | 'peer_refused' }
>;
