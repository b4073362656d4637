import type { Address } from './address.ts';

/** Client port of replica 0 where nothing else is said. */
const CLIENT_PORT = 7100;
/** From one replica's client port to the next one's, on one machine. */
export const PORT_STEP = 10;

/** Where one replica listens. */
export interface ReplicaPorts {
  readonly client: number;
  readonly peer: number;
  readonly http: number;
}

/** The ports of a replica, from that for clients, where the others are not named. */
export function portsAt(client: number): ReplicaPorts {
  return { client, peer: client + 1, http: client + 2 };
}

/** Where a replica listens unless its configuration says something else: on this machine only. */
export function defaultAddress(use: keyof ReplicaPorts, slot: number): Address {
  return { host: '127.0.0.1', port: portsAt(CLIENT_PORT + PORT_STEP * slot)[use] };
}
