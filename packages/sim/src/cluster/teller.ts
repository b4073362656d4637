import type { AnyMessage, DecodeFault, ReplicaSnapshot, TraceEvent } from '@kimberlite/vsr';
import type { DrawnFault } from '../faults/fault-gate.ts';
import { replicaOf } from '../faults/fault-gate.ts';
import type { Packet } from '../network/network.ts';
import { type Happening, type Observer, roleOf } from './observer.ts';

/** What the teller looks at of a replica's process. */
interface Looked {
  readonly paused: boolean;
  snapshot(): ReplicaSnapshot | null;
}

export interface TellerSetup {
  /** Null for a run that nobody watches: telling then costs next to nothing. */
  readonly observer: Observer | null;
  readonly queue: { readonly processed: number; readonly now: number };
  /** Those of the cluster, which are made after this. */
  readonly replicas: () => readonly Looked[];
}

/** Tells the observer of a run, if there is one, what happens: when, to whom, in which state. */
export class Teller {
  private readonly setup: TellerSetup;

  constructor(setup: TellerSetup) {
    this.setup = setup;
  }

  /** `slot` is the replica that it happened to, or null. */
  tell(slot: number | null, what: Happening): void {
    const { observer, queue, replicas } = this.setup;
    if (observer === null) return;
    const replica = slot === null ? null : (replicas()[slot] ?? null);
    const state = replica === null ? null : replica.snapshot();
    const role = roleOf(state, { paused: replica?.paused ?? false, standby: false });
    const { processed: event, now: micros } = queue;
    observer({ event, micros, slot: replica === null ? null : slot, role, state, what });
  }

  /** Something about the run itself. */
  note(line: () => string): void {
    if (this.setup.observer !== null) this.tell(null, { kind: 'note', text: line() });
  }

  process(slot: number, what: 'start' | 'crash' | 'pause' | 'unpause'): void {
    if (this.setup.observer !== null) this.tell(slot, { kind: 'process', what });
  }

  stopped(slot: number, reason: string): void {
    this.tell(slot, { kind: 'stopped', reason });
  }

  trace(slot: number, event: TraceEvent): void {
    if (this.setup.observer !== null) this.tell(slot, { kind: 'trace', event });
  }

  fault(fault: DrawnFault): void {
    if (this.setup.observer !== null) this.tell(replicaOf(fault), { kind: 'fault', fault });
  }

  /** A packet has come to its end: with a message, or with bytes that are none. */
  arrived({ from, to, command, lie }: Packet, found: AnyMessage | DecodeFault): void {
    if (this.setup.observer === null) return;
    if (typeof found === 'string') {
      this.tell(to, { kind: 'undecodable', from, to, command, fault: found, lie });
    } else this.tell(to, { kind: 'message', from, to, message: found, lie });
  }
}
