import { createConnection } from 'node:net';
import { parseEndpoint } from '@kimberlite/client';
import { formatAddress, portsAt, type ReplicaPorts } from '@kimberlite/server';

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
  const at = (use: keyof ReplicaPorts): string[] =>
    endpoints.map((name) => {
      const { host, port } = parseEndpoint(name);
      return formatAddress({ host, port: portsAt(port)[use] });
    });
  const list = (text: string | undefined): string[] | undefined =>
    text?.split(',').map((part) => part.trim());
  const peers = list(named.peers) ?? at('peer');
  const http = list(named.http) ?? at('http');
  return [...new Set([...at('client'), ...peers, ...http])];
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
