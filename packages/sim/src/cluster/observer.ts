import type { AnyMessage, Command, ReplicaSnapshot, TraceEvent } from '@kimberlite/vsr';
import type { DrawnFault } from '../faults/fault-gate.ts';

/** What a replica is, in one word. */
export type Role =
  | 'primary'
  | 'backup'
  | 'changing_view'
  | 'recovering'
  | 'syncing'
  | 'standby'
  | 'paused'
  | 'down';

/** One thing that happened. */
export type Happening =
  /** A message arrived whole; `lie` is the kind of mutation that made it, null for the truth. */
  | {
      readonly kind: 'message';
      readonly from: number;
      readonly to: number;
      readonly message: AnyMessage;
      readonly lie: string | null;
    }
  /** What arrived is no message: why, and what it was when it was sent. */
  | {
      readonly kind: 'undecodable';
      readonly from: number;
      readonly to: number;
      readonly command: Command;
      readonly fault: string;
      readonly lie: string | null;
    }
  /** A replica told this about itself. */
  | { readonly kind: 'trace'; readonly event: TraceEvent }
  | { readonly kind: 'process'; readonly what: 'start' | 'crash' | 'pause' | 'unpause' }
  /** A replica ended itself, for good: its core found this, a `FatalReason`. */
  | { readonly kind: 'stopped'; readonly reason: string }
  /** The healed core has not converged in its time: how this replica stands, or all together. */
  | {
      readonly kind: 'stuck';
      /** Why it is none of the core; null for the core and its members. */
      readonly outside: string | null;
      /** Conditions of convergence that it does not meet. */
      readonly lacks: readonly string[];
      /** What it waits for. */
      readonly waits: readonly string[];
    }
  | { readonly kind: 'fault'; readonly fault: DrawnFault }
  /** All links are whole again. */
  | { readonly kind: 'healed' }
  | { readonly kind: 'note'; readonly text: string };

/** A happening, when and to whom. Valid during the call: bodies of commits are reused. */
export interface Observed {
  /** Number of the simulated event, from 1. */
  readonly event: number;
  /** Simulated microseconds since the run began. */
  readonly micros: number;
  /** The replica that it happened to; null for the network, the clients and the run itself. */
  readonly slot: number | null;
  readonly role: Role;
  /** The replica's state as it then is; null when it is down, and without a replica. */
  readonly state: ReplicaSnapshot | null;
  readonly what: Happening;
}

/** Sees everything that happens in a run. Must not change it. */
export type Observer = (observed: Observed) => void;

/** What a process is from its state; `state` null is a process that does not run. */
export function roleOf(
  state: ReplicaSnapshot | null,
  { paused, standby }: { readonly paused: boolean; readonly standby: boolean },
): Role {
  if (state === null) return 'down';
  if (paused) return 'paused';
  if (state.syncing) return 'syncing';
  switch (state.status) {
    case 'normal':
      if (standby) return 'standby';
      return state.isPrimary ? 'primary' : 'backup';
    case 'view_change':
      return 'changing_view';
    case 'recovering':
    case 'introducing':
    case 'recovering_head':
      return 'recovering';
  }
}
