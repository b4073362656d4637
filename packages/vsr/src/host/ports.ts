import type { AnyMessage } from '../message/message.ts';
import type { TraceEvent } from '../replica/trace.ts';
import type { ClientId } from '../std/numbers.ts';
import type { Zone } from '../storage-layout.ts';

/**
 * The disk. Offsets and lengths are multiples of SECTOR_SIZE. Completions may come in any order,
 * and always after the call has returned. The host never has two writes to overlapping ranges in
 * flight.
 */
export interface StoragePort {
  /**
   * Reads. What the device cannot give is corruption, repaired by peers: zeros for the sectors that
   * it refuses, or `null` for the whole.
   */
  read(zone: Zone, offset: number, length: number, done: (bytes: Uint8Array | null) => void): void;
  /**
   * Writes durably: `done` means the bytes survive a power loss. `bytes` may be shorter than the
   * sector-padded length; the rest of its last sector is written as zeros. There is no failure
   * result: what cannot be written ends the process.
   */
  write(zone: Zone, offset: number, bytes: Uint8Array, done: () => void): void;
}

/** The network. Sends never block and never fail: what cannot be sent is dropped. */
export interface TransportPort {
  sendToReplica(slot: number, message: AnyMessage): void;
  /** Goes to the connections on which this client has spoken; dropped where there is none. */
  sendToClient(client: ClientId, message: AnyMessage): void;
}

/** Clocks, in microseconds. */
export interface ClockPort {
  /** Never goes back, keeps counting while the process is paused. */
  monotonic(): number;
  /** Since 1970; may jump. */
  wall(): number;
}

/** Runs a callback soon, after I/O that is already waiting; VOPR draws when. */
export interface SchedulerPort {
  postWork(callback: () => void): void;
}

/** Sees what the replica does, for checkers, logs and metrics. Must not call back into it. */
export interface TracePort {
  trace(event: TraceEvent): void;
}
