import { type AnyMessage, isCommand } from '@kimberlite/vsr';
import type { Connection, SendResult } from './connection.ts';

/**
 * The replicas that a client is connected to, by slot. Where two endpoints name one replica, one of
 * its connections is used, and the other takes its place when that one ends.
 */
export class ConnectedReplicas {
  private readonly bySlot: Map<number, Connection>;

  constructor() {
    this.bySlot = new Map();
  }

  get size(): number {
    return this.bySlot.size;
  }

  slots(): readonly number[] {
    return [...this.bySlot.keys()];
  }

  send(slot: number, message: AnyMessage): SendResult {
    return this.bySlot.get(slot)?.send(message) ?? 'unsent';
  }

  /** The replica in that slot has greeted on this connection. */
  add(slot: number, connection: Connection): void {
    this.bySlot.set(slot, connection);
  }

  has(slot: number): boolean {
    return this.bySlot.has(slot);
  }

  /**
   * A connection has ended. The slot of the replica that it was used for, or null: what was asked
   * on it has no answer to come, and has to be asked again, on another one if there `has`.
   */
  remove(ended: Connection, all: readonly Connection[]): number | null {
    const { slot } = ended;
    if (slot === null || this.bySlot.get(slot) !== ended) return null;
    const other = all.find(
      (one) => one !== ended && one.state === 'connected' && one.slot === slot,
    );
    if (other !== undefined) this.bySlot.set(slot, other);
    else this.bySlot.delete(slot);
    return slot;
  }

  clear(): void {
    this.bySlot.clear();
  }

  /**
   * Whether a refusal came on a connection that is not the one to its replica. A replica answers on
   * every connection that a client has used, and sessions, which count their copies and the
   * refusals of these, would count one refusal twice. One that is not counted at all does no harm.
   */
  isRefusalTwice(connection: Connection, message: AnyMessage): boolean {
    if (!isCommand(message, 'refusal')) return false;
    return connection.slot === null || this.bySlot.get(connection.slot) !== connection;
  }
}
