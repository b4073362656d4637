import { primarySlot, View } from '@kimberlite/vsr';
import type { Connection, ConnectionState } from './connection.ts';
import type { Lane } from './lane.ts';
import type { Reader } from './reader.ts';

/** A change of one connection. */
export type ConnectionEvent =
  | { readonly kind: 'connected'; readonly endpoint: string; readonly slot: number }
  /** It was connected; it is tried again by itself. */
  | { readonly kind: 'disconnected'; readonly endpoint: string; readonly reason: string }
  /** The replica refuses this client, or what listens there is no replica. */
  | { readonly kind: 'rejected'; readonly endpoint: string; readonly reason: string };

/** One endpoint as the client sees it. */
export interface EndpointStatus {
  readonly endpoint: string;
  readonly state: ConnectionState;
  /** Member slot of the replica there; null before its first greeting. */
  readonly slot: number | null;
  /** Why it is not connected; empty while it is. */
  readonly reason: string;
}

/** A client at one moment. */
export interface ClientStatus {
  /** `connected` while at least one replica is. */
  readonly state: 'connected' | 'disconnected' | 'rejected' | 'closed';
  readonly cluster: bigint | null;
  /** Newest view that a reply has shown, and the slot of its primary; null before the first. */
  readonly view: number | null;
  readonly primary: number | null;
  readonly endpoints: readonly EndpointStatus[];
  /** Sessions that are registered. */
  readonly sessions: number;
  /** Calls that wait to be sent. */
  readonly queued: number;
  /** Calls that were sent and have no answer yet. */
  readonly inFlight: number;
}

export interface StatusSource {
  readonly closed: boolean;
  readonly cluster: bigint | null;
  readonly connections: readonly Connection[];
  readonly lanes: readonly Lane[];
  readonly reader: Reader;
  readonly queued: number;
}

export function statusOf(source: StatusSource): ClientStatus {
  const { connections, lanes, reader } = source;
  const views = [...lanes, reader].map((asker) => asker.view()).filter((view) => view !== null);
  const view = views.length === 0 ? null : Math.max(...views);
  return {
    state: source.closed ? 'closed' : overallState(connections),
    cluster: source.cluster,
    view,
    primary: view === null ? null : primarySlot(View(view)),
    endpoints: connections.map((connection) => ({
      endpoint: connection.endpoint.name,
      state: connection.state,
      slot: connection.slot,
      reason: connection.reason,
    })),
    sessions: lanes.filter((lane) => lane.sessionNumber() !== null).length,
    queued: source.queued + reader.queued(),
    inFlight: [...lanes, reader].reduce((sum, asker) => sum + asker.inFlight(), 0),
  };
}

function overallState(connections: readonly Connection[]): ClientStatus['state'] {
  if (connections.some((connection) => connection.state === 'connected')) return 'connected';
  return connections.some((connection) => connection.state === 'rejected')
    ? 'rejected'
    : 'disconnected';
}
