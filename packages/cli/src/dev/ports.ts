import { createServer } from 'node:net';
import {
  listenFault,
  PORT_STEP,
  portsAt,
  type ReplicaPorts,
  type ServerFault,
} from '@kimberlite/server';
import { cliError } from '../fault.ts';

/** Below the ports that systems give out by themselves, so nothing takes one in between. */
const FREE_BASE_MIN = 11_000;
const FREE_BASE_MAX = 31_000;
const FREE_BASE_TRIES = 50;
const HOST = '127.0.0.1';

/** Replica n uses base + 10 n for clients, and the two above for peers and HTTP. */
export function portsOf(basePort: number, replicas: number): ReplicaPorts[] {
  return Array.from({ length: replicas }, (_, slot) => portsAt(basePort + PORT_STEP * slot));
}

/** A base whose ports are all free at this moment. `random` is uniform in [0, 1). */
export async function findFreeBase(replicas: number, random: () => number): Promise<number> {
  for (let turn = 0; turn < FREE_BASE_TRIES; turn += 1) {
    const steps = (FREE_BASE_MAX - FREE_BASE_MIN) / PORT_STEP;
    const base = FREE_BASE_MIN + PORT_STEP * Math.floor(random() * steps);
    const ports = portsOf(base, replicas).flatMap(({ client, peer, http }) => [client, peer, http]);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw cliError('error', 'no free ports were found', 'Choose some with --base-port.');
}

/** Whether the port can be listened on. */
export async function isFree(port: number): Promise<boolean> {
  return (await tryListen(port)) === null;
}

/**
 * The fault of the first port that cannot be listened on, as a replica would name it; null when
 * all can. Asked before anything is made on disk.
 */
export async function portFault(ports: readonly ReplicaPorts[]): Promise<ServerFault | null> {
  for (const { client, peer, http } of ports) {
    for (const [port, what] of [
      [peer, 'peers'],
      [client, 'clients'],
      [http, 'HTTP'],
    ] as const) {
      const error = await tryListen(port);
      if (error !== null) return listenFault(error, `${HOST}:${port}`, what);
    }
  }
  return null;
}

/** The system's error; null when it works. */
function tryListen(port: number): Promise<Error | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host: HOST, port, exclusive: true }, () => {
      server.close(() => resolve(null));
    });
  });
}
