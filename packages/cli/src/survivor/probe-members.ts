import { createConnection } from 'node:net';
import { parseEndpoint } from '@kimberlite/client';
import { formatAddress } from '@kimberlite/server';

/** Port of the peers and of HTTP, from the client port, unless they are named. */
const PEER_PORT_OFFSET = 1;
const HTTP_PORT_OFFSET = 2;

/** One address of a member of the old cluster. */
export interface ProbedAddress {
  readonly address: string;
  /** Something took the connection there. */
  readonly answers: boolean;
  /** What else came of it. */
  readonly outcome: string;
}

/** Addresses to try: client ports as given, and beside each its usual peer and HTTP port. */
export function addressesToProbe(
  endpoints: readonly string[],
  named: { readonly peers?: string; readonly http?: string },
): string[] {
  const at = (offset: number): string[] =>
    endpoints.map((name) => {
      const { host, port } = parseEndpoint(name);
      return formatAddress({ host, port: port + offset });
    });
  const list = (text: string | undefined): string[] | undefined =>
    text?.split(',').map((part) => part.trim());
  const peers = list(named.peers) ?? at(PEER_PORT_OFFSET);
  const http = list(named.http) ?? at(HTTP_PORT_OFFSET);
  return [...new Set([...at(0), ...peers, ...http])];
}

/**
 * Whether anything still listens where the members were. A connection that is taken is enough: a
 * process that hangs or is stopped says nothing, and has lost nothing of what it acknowledged.
 */
export function probeMembers(
  addresses: readonly string[],
  timeoutMillis: number,
): Promise<ProbedAddress[]> {
  return Promise.all(addresses.map((address) => probe(address, timeoutMillis)));
}

function probe(address: string, timeoutMillis: number): Promise<ProbedAddress> {
  const { host, port } = parseEndpoint(address);
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const end = (answers: boolean, outcome: string): void => {
      socket.destroy();
      resolve({ address, answers, outcome });
    };
    socket.setTimeout(timeoutMillis, () => end(false, 'no answer in time'));
    socket.once('connect', () => end(true, 'something listens there'));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const refused = error.code === 'ECONNREFUSED';
      end(false, refused ? 'nothing listens there' : (error.code ?? error.message));
    });
  });
}
