import type { AnyMessage, ReplicaSnapshot, TraceEvent } from '@kimberlite/vsr';
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
  /** A message arrived whole. */
  | {
      readonly kind: 'message';
      readonly from: number;
      readonly to: number;
      readonly message: AnyMessage;
    }
  /** A replica told this about itself. */
  | { readonly kind: 'trace'; readonly event: TraceEvent }
  | { readonly kind: 'process'; readonly what: 'start' | 'crash' | 'pause' | 'unpause' }
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
