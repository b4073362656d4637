import type { AnyMessage } from '@kimberlite/vsr';
import type { SendResult } from './connection.ts';

/** The replicas that can be asked, and the time. */
export interface ReplicaLinks {
  /** Sends to the replica in that slot. */
  send(slot: number, message: AnyMessage): SendResult;
  /** Slots of the replicas that are connected. */
  connected(): readonly number[];
  /** Monotonic milliseconds. */
  now(): number;
}
