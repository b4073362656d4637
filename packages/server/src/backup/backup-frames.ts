import { readU64, writeU64 } from '@kimberlite/store';
import type { BackupPiece } from '@kimberlite/vsr';
import { BACKUP_HEAD_MAX } from './backup-head.ts';

/**
 * A backup on its way: frames of a kind (u8), three zeros, the length of the rest (u32), and the
 * rest. The parts of a backup come in the order in which they came off the disk, so each says which
 * one it is; only in the file do they stand in order.
 */
export const FRAME_HEADER_SIZE = 8;
/** Of the parts: place u64. */
const PLACE_SIZE = 8;
const KINDS = { head: 1, blocks: 2, prepare: 3, end: 4, failed: 5 } as const;

/** What a replica sends of a backup: the head, then the parts in any order, then how it ended. */
export type BackupFrame =
  | BackupPiece
  /** First, once. */
  | { readonly kind: 'head'; readonly bytes: Uint8Array }
  /** Last, and all is there. */
  | { readonly kind: 'end' }
  /** Last, and the backup is not whole. */
  | { readonly kind: 'failed'; readonly reason: string };

/** The frame in pieces to send one after another: what came off the disk is not copied. */
export function encodeBackupFrame(frame: BackupFrame): readonly Uint8Array[] {
  switch (frame.kind) {
    case 'head':
      return [frameHeader(KINDS.head, frame.bytes.length), frame.bytes];
    case 'blocks':
      return [placedHeader(KINDS.blocks, frame.address, frame.bytes.length), frame.bytes];
    case 'prepare':
      return [placedHeader(KINDS.prepare, frame.op, frame.bytes.length), frame.bytes];
    case 'end':
      return [frameHeader(KINDS.end, 0)];
    case 'failed': {
      const reason = Buffer.from(frame.reason);
      return [frameHeader(KINDS.failed, reason.length), reason];
    }
  }
}

function frameHeader(kind: number, length: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, kind);
  view.setUint32(4, length, true);
  return bytes;
}

function placedHeader(kind: number, place: number, length: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_SIZE + PLACE_SIZE);
  bytes.set(frameHeader(kind, PLACE_SIZE + length));
  writeU64(new DataView(bytes.buffer), FRAME_HEADER_SIZE, place);
  return bytes;
}

/** Puts frames together from bytes as they arrive; keeps one frame at most. */
export class BackupFrameReader {
  #chunks: Uint8Array[] = [];
  #size = 0;

  /**
   * Takes the next bytes, which must not be changed afterwards; then call `next` until it is null.
   */
  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next frame that is all there; null: more bytes are needed; 'bad': these are no frames. */
  next(): BackupFrame | null | 'bad' {
    if (this.#size < FRAME_HEADER_SIZE) return null;
    const start = this.#joined(FRAME_HEADER_SIZE);
    const view = new DataView(start.buffer, start.byteOffset, start.length);
    const length = view.getUint32(4, true);
    if (length > BACKUP_HEAD_MAX) return 'bad';
    if (this.#size < FRAME_HEADER_SIZE + length) return null;
    const bytes = this.#joined(FRAME_HEADER_SIZE + length);
    this.#chunks = [bytes.subarray(FRAME_HEADER_SIZE + length)];
    this.#size -= FRAME_HEADER_SIZE + length;
    return frameOf(bytes[0] ?? 0, bytes.subarray(FRAME_HEADER_SIZE, FRAME_HEADER_SIZE + length));
  }

  /** The first chunk, which holds at least that many bytes. */
  #joined(size: number): Uint8Array {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= size) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

function frameOf(kind: number, body: Uint8Array): BackupFrame | 'bad' {
  switch (kind) {
    case KINDS.head:
      return { kind: 'head', bytes: body };
    case KINDS.blocks:
    case KINDS.prepare: {
      if (body.length < PLACE_SIZE) return 'bad';
      const place = readU64(new DataView(body.buffer, body.byteOffset, body.length), 0);
      const bytes = body.subarray(PLACE_SIZE);
      if (Number.isNaN(place)) return 'bad';
      return kind === KINDS.blocks
        ? { kind: 'blocks', address: place, bytes }
        : { kind: 'prepare', op: place, bytes };
    }
    case KINDS.end:
      return { kind: 'end' };
    case KINDS.failed:
      return { kind: 'failed', reason: Buffer.from(body).toString('utf8') };
    default:
      return 'bad';
  }
}
