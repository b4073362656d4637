import { SECTOR_SIZE } from '@kimberlite/vsr';
import { type CallDone, type FileCalls, systemCalls } from '../storage/file-calls.ts';

/** A call on the data file, before it is made. */
export interface FileCall {
  readonly kind: 'read' | 'write' | 'sync';
  /** Byte of the file, and bytes; 0 for a sync. */
  readonly position: number;
  readonly length: number;
}

/** What becomes of a call. */
export type CallFault =
  /** Fails with this code of the system, and does nothing. */
  | { readonly kind: 'error'; readonly code: string }
  /** Transfers the first sector alone, and says so. */
  | { readonly kind: 'short' }
  /** Says that all was written, and writes nothing. */
  | { readonly kind: 'lost' }
  /** Says that all was written, and writes only the first sectors. */
  | { readonly kind: 'torn'; readonly sectors: number }
  /** Writes all of it, that many bytes further on. */
  | { readonly kind: 'misdirected'; readonly by: number }
  /** A write is made so many milliseconds later. */
  | { readonly kind: 'slow'; readonly millis: number }
  /** Is neither made nor answered before the fault is over. */
  | { readonly kind: 'hang' };

/**
 * The system's calls on a data file, but for those that a test wants to go wrong. It is asked about
 * each call as it is made, so a fault may begin and end at any time.
 */
export class FaultyCalls implements FileCalls {
  /** Calls that went wrong, by kind of fault. */
  readonly counts: Map<CallFault['kind'], number>;
  #faultOf: (call: FileCall) => CallFault | null;
  #hanging: (() => void)[];

  constructor(faultOf: (call: FileCall) => CallFault | null = (): null => null) {
    this.counts = new Map();
    this.#faultOf = faultOf;
    this.#hanging = [];
  }

  /** From now on; null: nothing goes wrong any more, and what hangs is made. */
  setFault(faultOf: ((call: FileCall) => CallFault | null) | null): void {
    this.#faultOf = faultOf ?? ((): null => null);
    if (faultOf !== null) return;
    const hanging = this.#hanging;
    this.#hanging = [];
    for (const go of hanging) go();
  }

  count(kind: CallFault['kind']): number {
    return this.counts.get(kind) ?? 0;
  }

  read(fd: number, bytes: Uint8Array, position: number, done: CallDone): void {
    const fault = this.#fault({ kind: 'read', position, length: bytes.length });
    switch (fault?.kind) {
      case 'error':
        setImmediate(done, systemError(fault.code), 0);
        return;
      case 'short':
        systemCalls.read(fd, bytes.subarray(0, SECTOR_SIZE), position, done);
        return;
      case 'hang':
        this.#hanging.push(() => systemCalls.read(fd, bytes, position, done));
        return;
      default:
        systemCalls.read(fd, bytes, position, done);
    }
  }

  write(fd: number, bytes: Uint8Array, position: number, done: CallDone): void {
    const fault = this.#fault({ kind: 'write', position, length: bytes.length });
    const all: CallDone = (error) => done(error, bytes.length);
    switch (fault?.kind) {
      case 'error':
        setImmediate(done, systemError(fault.code), 0);
        return;
      case 'short':
        systemCalls.write(fd, bytes.subarray(0, SECTOR_SIZE), position, done);
        return;
      case 'lost':
        setImmediate(done, null, bytes.length);
        return;
      case 'torn':
        systemCalls.write(fd, bytes.subarray(0, fault.sectors * SECTOR_SIZE), position, all);
        return;
      case 'misdirected':
        systemCalls.write(fd, bytes, position + fault.by, done);
        return;
      case 'slow':
        setTimeout(() => systemCalls.write(fd, bytes, position, done), fault.millis);
        return;
      case 'hang':
        this.#hanging.push(() => systemCalls.write(fd, bytes, position, done));
        return;
      default:
        systemCalls.write(fd, bytes, position, done);
    }
  }

  sync(fd: number, done: (error: Error | null) => void): void {
    const fault = this.#fault({ kind: 'sync', position: 0, length: 0 });
    if (fault?.kind === 'error') setImmediate(done, systemError(fault.code));
    else systemCalls.sync(fd, done);
  }

  #fault(call: FileCall): CallFault | null {
    const fault = this.#faultOf(call);
    if (fault !== null) this.counts.set(fault.kind, this.count(fault.kind) + 1);
    return fault;
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: put there by a test`), { code });
}
