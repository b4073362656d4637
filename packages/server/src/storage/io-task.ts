import type { Growth } from './block-area.ts';

/** One read or write, done in pieces of a staging buffer. */
export interface IoTask {
  readonly kind: 'read' | 'write';
  /** Limited in number, so that the WAL and the superblock always find a thread. */
  readonly background: boolean;
  /** Place in the file and bytes on disk, of whole sectors. */
  readonly position: number;
  readonly length: number;
  /** Target of a read; source of a write, followed by zeros up to `length`. */
  readonly bytes: Uint8Array;
  /** Of a read: `bytes` are aligned, and no staging buffer stands between them and the device. */
  readonly straight: boolean;
  /** Bytes done, of whole sectors. */
  progress: number;
  /** Tries in a row without progress. */
  retries: number;
  /** The device failed, or had no room for, a larger piece: the rest goes sector by sector. */
  bySector: boolean;
  /** Of a read: bytes that the device does not give. */
  unreadable: number;
  /** When it was asked for, in milliseconds of the monotonic clock. */
  startedAt: number;
  readonly finish: (ok: boolean) => void;
  /** Set for zeros written ahead of need. */
  readonly growth: Growth | null;
}

const EMPTY = new Uint8Array(0);

/** Nothing of it is done yet. */
function newTask(
  of: Pick<
    IoTask,
    'kind' | 'background' | 'position' | 'length' | 'bytes' | 'straight' | 'finish' | 'growth'
  >,
): IoTask {
  const { kind, background, position, length, bytes, straight, finish, growth } = of;
  return {
    kind,
    background,
    position,
    length,
    bytes,
    straight,
    progress: 0,
    retries: 0,
    bySector: false,
    unreadable: 0,
    startedAt: 0,
    finish,
    growth,
  };
}

/** Fills `bytes` from `position` on; `finish` hears whether the device gave any of it. */
export function readTask(
  of: Pick<IoTask, 'background' | 'position' | 'bytes' | 'straight' | 'finish'>,
): IoTask {
  return newTask({ ...of, kind: 'read', length: of.bytes.length, growth: null });
}

/** Writes `bytes`, and zeros after them up to `length`. */
export function writeTask(
  of: Pick<IoTask, 'background' | 'position' | 'length' | 'bytes' | 'finish'>,
): IoTask {
  return newTask({ ...of, kind: 'write', straight: false, growth: null });
}

/**
 * Writes zeros where the block area is to grow; when it finishes, `progress` says how far the room
 * went.
 */
export function growthTask(growth: Growth, finish: IoTask['finish']): IoTask {
  const { position, length } = growth;
  const place = { position, length, bytes: EMPTY, straight: false };
  return newTask({ ...place, kind: 'write', background: true, finish, growth });
}
