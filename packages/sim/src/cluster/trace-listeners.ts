import type { TraceEvent } from '@kimberlite/vsr';

/** Hears what a replica tells of itself. */
export type TraceListener = (slot: number, event: TraceEvent) => void;

/** Those who hear what replicas tell of themselves: faults that strike at a certain moment. */
export class TraceListeners {
  private readonly listeners: Set<TraceListener> = new Set();

  /** Tells this listener too, until the function that it returns is called. */
  listen(listener: TraceListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  tell(slot: number, event: TraceEvent): void {
    for (const listener of this.listeners) listener(slot, event);
  }
}
