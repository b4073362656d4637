import { createServer, type Server, type Socket } from 'node:net';
import { assert } from '@kimberlite/store';
import { listenFault, makeFault, type ServerFault } from '../errors.ts';
import { type Address, formatAddress } from './address.ts';

/** A listening port. */
export interface Listener {
  /** With the real port, where 0 was asked for. */
  readonly address: Address;
  /** Takes no new connections; those that are open stay. */
  close(): void;
}

/** Listens at an address. `what` names the purpose in the fault: clients, peers. */
export function listenAt(
  address: Address,
  what: string,
  accept: (socket: Socket) => void,
): Promise<Listener | ServerFault> {
  return new Promise((resolve) => {
    const server: Server = createServer({ noDelay: true }, accept);
    const refused = (error: Error): void =>
      resolve(listenFault(error, formatAddress(address), what));
    server.once('error', refused);
    server.listen({ host: address.host, port: address.port, backlog: 511 }, () => {
      server.off('error', refused);
      // Out of descriptors: those who wait are served when others leave.
      server.on('error', () => {});
      const bound = server.address();
      assert(bound !== null && typeof bound === 'object', 'bound to a port');
      resolve({
        address: { host: address.host, port: bound.port },
        close: (): void => void server.close(),
      });
    });
  });
}

/**
 * One address for two uses of one replica, by the names of their keys; port 0 is a port of its own
 * each time. Without it the replica would find itself in its way, and blame another process.
 */
export function sharedAddressFault(
  addresses: Readonly<Record<string, Address | null>>,
): ServerFault | null {
  const users = new Map<string, string>();
  for (const [key, address] of Object.entries(addresses)) {
    if (address === null || address.port === 0) continue;
    const name = formatAddress(address);
    const other = users.get(name);
    if (other !== undefined) {
      return makeFault('configuration_invalid', `${other} and ${key} are both ${name}`);
    }
    users.set(name, key);
  }
  return null;
}
