import { compareBytes } from './bytes.ts';
import type { Run } from './manifest.ts';
import {
  DELTAS_MAX,
  deltaListCount,
  isRecordKind,
  RECORD_HEADER_SIZE,
  RECORD_VALUE_SIZE_MAX,
  RecordKind,
  recordSize,
  VALUE_SIZE_MAX,
} from './record.ts';

/** Takes a record of a run; key and value are views that live as long as the call. */
export type RecordVisitor = (kind: RecordKind, key: Uint8Array, value: Uint8Array) => void;

/** Reads a run from the payloads of its blocks, given in order; a record may span them. */
export class RunReader {
  private readonly run: Run;
  private readonly visit: RecordVisitor;
  private readonly takesDeltas: boolean;
  /** The beginning of a record whose end is in a block to come. */
  private carry: Uint8Array = new Uint8Array(256);
  private carrySize = 0;
  private lastKey: Uint8Array | null = null;
  private records = 0;

  constructor(run: Run, options: { visit: RecordVisitor; takesDeltas: boolean }) {
    this.run = run;
    this.visit = options.visit;
    this.takesDeltas = options.takesDeltas;
  }

  /** False when the bytes are no run. */
  push(payload: Uint8Array): boolean {
    let at = 0;
    while (this.carrySize > 0 && at < payload.length) {
      // First up to the end of the header, which says how long the whole is; then up to its end.
      const goal = recordNeed(this.carry, 0, this.carrySize);
      const part = payload.subarray(at, at + goal - this.carrySize);
      this.keep(part);
      at += part.length;
      const need = recordNeed(this.carry, 0, this.carrySize);
      if (need < 0) return false;
      if (this.carrySize < need) continue;
      if (!this.read(this.carry, 0, need)) return false;
      this.carrySize = 0;
    }
    while (at < payload.length) {
      const rest = payload.length - at;
      const need = recordNeed(payload, at, rest);
      if (need < 0) return false;
      if (need > rest) {
        this.keep(payload.subarray(at));
        break;
      }
      if (!this.read(payload, at, need)) return false;
      at += need;
    }
    // The next payload comes in another buffer; this one may be used again.
    this.lastKey = this.lastKey === null ? null : this.lastKey.slice();
    return true;
  }

  /** Whether the run ends here as it should. */
  finish(): boolean {
    return this.carrySize === 0 && this.records === this.run.records;
  }

  private read(bytes: Uint8Array, at: number, size: number): boolean {
    const keySize = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    const kind = bytes[at + 2] ?? 0;
    if (!isRecordKind(kind) || bytes[at + 3] !== 0) return false;
    const keyStart = at + RECORD_HEADER_SIZE;
    const key = bytes.subarray(keyStart, keyStart + keySize);
    const value = bytes.subarray(keyStart + keySize, at + size);
    if (this.lastKey !== null && compareBytes(this.lastKey, key) >= 0) return false;
    if (!this.valueFits(kind, value)) return false;
    this.visit(kind, key, value);
    this.lastKey = bytes === this.carry ? key.slice() : key;
    this.records += 1;
    return true;
  }

  private valueFits(kind: RecordKind, value: Uint8Array): boolean {
    switch (kind) {
      case RecordKind.put:
        return value.length <= VALUE_SIZE_MAX;
      case RecordKind.tombstone:
        return value.length === 0 && this.run.kind === 'delta';
      case RecordKind.delta: {
        if (!this.takesDeltas || this.run.kind !== 'delta') return false;
        const count = deltaListCount(value);
        return count >= 1 && count <= DELTAS_MAX;
      }
    }
  }

  private keep(part: Uint8Array): void {
    const size = this.carrySize + part.length;
    if (size > this.carry.length) {
      const larger = new Uint8Array(size * 2);
      larger.set(this.carry.subarray(0, this.carrySize));
      this.carry = larger;
    }
    this.carry.set(part, this.carrySize);
    this.carrySize = size;
  }
}

/** Bytes of the record at this place, or of its header while that is not there; -1 for nonsense. */
function recordNeed(bytes: Uint8Array, at: number, available: number): number {
  if (available < RECORD_HEADER_SIZE) return RECORD_HEADER_SIZE;
  const keySize = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  const low = (bytes[at + 4] ?? 0) | ((bytes[at + 5] ?? 0) << 8);
  const valueSize = low + (bytes[at + 6] ?? 0) * 65536 + (bytes[at + 7] ?? 0) * 16777216;
  return valueSize > RECORD_VALUE_SIZE_MAX ? -1 : recordSize(keySize, valueSize);
}
