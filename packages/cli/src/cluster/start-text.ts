import { isIPv6 } from 'node:net';
import { parseEndpoint } from '@kimberlite/client';
import { formatAddress, portsAt } from '@kimberlite/server';
import { shellWord } from '../dev/ended-text.ts';
import { type NewCluster, newFilePaths } from './new-cluster.ts';

/** Where the replicas of a new cluster are to be, as far as the command was told. */
export interface KnownPlaces {
  /** Client addresses, by slot. */
  readonly clients: readonly string[];
  /** Peer addresses, by slot. */
  readonly peers: readonly string[];
  /** HTTP addresses as operators reach them, by slot. */
  readonly http: readonly string[];
}

/** By whom and where the replicas of a new cluster are started. */
export interface Starts {
  /** Whether `kimberlite` itself can: it runs the kernel, and nobody else's state machine. */
  readonly ofKernel: boolean;
  /** Null where nothing is known. */
  readonly known: KnownPlaces | null;
}

/**
 * Arguments of `kimberlite` that start each replica, or the configuration for the program that does
 * it, as flags; HOST0... stand for what is not known.
 */
export function startCommands(made: NewCluster, { ofKernel, known }: Starts): string[][] {
  const flags = configurations(made, known);
  return ofKernel ? flags.map((words) => ['start', ...words]) : flags;
}

function configurations(made: NewCluster, known: KnownPlaces | null): string[][] {
  const { clients, peers, http } = placesOf(made.replicaCount, known);
  return newFilePaths(made).map((path, slot) => [
    `--data-file=${path}`,
    `--cluster=${made.cluster}`,
    `--replica=${slot}`,
    `--addresses=${peers.join(',')}`,
    `--client-address=${clients[slot]}`,
    `--http-address=${listenHttpAt(http[slot] ?? '')}`,
  ]);
}

/**
 * Where a replica must listen so that it is reached there by `status` and `recover` of any machine,
 * and by `backup` of its own, which is served over the loopback address alone: there where the
 * address is one of that, else everywhere.
 */
export function listenHttpAt(reached: string): string {
  const { host, port } = parseEndpoint(reached);
  if (host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)) return reached;
  return formatAddress({ host: isIPv6(host) ? '::' : '0.0.0.0', port });
}

/** What is said of a new cluster's files: how to start them where they belong, or all here. */
export function startText(made: NewCluster, starts: Starts): string {
  const { directory, replicaCount } = made;
  const hosts = hostsText(replicaCount, starts.known);
  const begin = 'Give each replica its own file, and no other replica the same, and start ';
  const commands = startCommands(made, starts).map((words) => words.map(word).join(' '));
  const exposed = commands.some((line) => /--http-address=(0\.0\.0\.0|\[::\]):/.test(line));
  if (!starts.ofKernel) {
    const lines = commands.map((line) => `  ${line}\n`);
    return `${begin}your program for all${hosts}, with the configuration\n${lines.join('')}${exposed ? EXPOSED : ''}`;
  }
  const lines = commands.map((line) => `  npx kimberlite ${line}\n`);
  return (
    `${begin}all${hosts}:\n` +
    lines.join('') +
    (exposed ? EXPOSED : '') +
    'To look at it on this machine first, where nothing else uses the ports:\n' +
    `  npx kimberlite dev ${word(`--data=${directory}`)} --replicas=${replicaCount}\n`
  );
}

/** What whoever pastes the lines should know of their HTTP addresses. */
const EXPOSED =
  'HTTP, which status, recover and backup ask, listens on all addresses there, backups are given ' +
  'to\n127.0.0.1 alone. Keep its port from strangers.\n';

function hostsText(replicaCount: number, known: KnownPlaces | null): string {
  if (!isOpen(replicaCount, known)) return '';
  return `, with their machines for ${replicaCount === 1 ? 'HOST0' : `HOST0 to HOST${replicaCount - 1}`}`;
}

/** Quoted only where a shell would take it apart: these are read before they are pasted. */
function word(text: string): string {
  return /^[\w./:,=@%+-]+$/.test(text) ? text : shellWord(text);
}

/** Whether somebody has to put in where the replicas are. */
function isOpen(replicaCount: number, known: KnownPlaces | null): boolean {
  if (known === null) return true;
  const { clients, peers, http } = known;
  return Math.min(clients.length, peers.length, http.length) < replicaCount;
}

/** The first of those that are known, if they are enough; otherwise all are left open. */
function placesOf(replicaCount: number, known: KnownPlaces | null): KnownPlaces {
  const usual = portsAt(USUAL_BASE);
  const hosts = Array.from({ length: replicaCount }, (_, slot) => `HOST${slot}`);
  if (known === null || isOpen(replicaCount, known)) {
    return {
      clients: hosts.map((host) => `${host}:${usual.client}`),
      peers: hosts.map((host) => `${host}:${usual.peer}`),
      http: hosts.map((host) => `${host}:${usual.http}`),
    };
  }
  return {
    clients: known.clients.slice(0, replicaCount),
    peers: known.peers.slice(0, replicaCount),
    http: known.http.slice(0, replicaCount),
  };
}

/** The client port of a replica that has a machine for itself. */
const USUAL_BASE = 7100;

/**
 * The places of the old cluster's members, for a new one that takes their place: peer and HTTP
 * ports as they are named, else the usual ones beside the client ports.
 */
export function placesOfOld(
  endpoints: readonly string[],
  named: { readonly peers?: string; readonly http?: string },
): KnownPlaces {
  const usual = (use: 'peer' | 'http'): string[] =>
    endpoints.map((name) => {
      const { host, port } = parseEndpoint(name);
      return formatAddress({ host, port: portsAt(port)[use] });
    });
  const list = (text: string | undefined): string[] | undefined =>
    text?.split(',').map((part) => part.trim());
  const http = list(named.http);
  return {
    clients: endpoints,
    peers: list(named.peers) ?? usual('peer'),
    // A list of another length is in no order of the slots.
    http: http?.length === endpoints.length ? http : usual('http'),
  };
}
