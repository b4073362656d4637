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
  const { clients, peers } = placesOf(made.replicaCount, known);
  return newFilePaths(made).map((path, slot) => [
    `--data-file=${path}`,
    `--cluster=${made.cluster}`,
    `--replica=${slot}`,
    `--addresses=${peers.join(',')}`,
    `--client-address=${clients[slot]}`,
  ]);
}

/** What is said of a new cluster's files: how to start them where they belong, or all here. */
export function startText(made: NewCluster, starts: Starts): string {
  const { directory, replicaCount } = made;
  const hosts = hostsText(replicaCount, starts.known);
  const begin = 'Give each replica its own file, and no other replica the same, and start ';
  const commands = startCommands(made, starts).map((words) => words.map(word).join(' '));
  if (!starts.ofKernel) {
    const lines = commands.map((line) => `  ${line}\n`);
    return `${begin}your program for all${hosts}, with the configuration\n${lines.join('')}`;
  }
  const lines = commands.map((line) => `  npx kimberlite ${line}\n`);
  return (
    `${begin}all${hosts}:\n` +
    lines.join('') +
    'To look at it on this machine first, where nothing else uses the ports:\n' +
    `  npx kimberlite dev ${word(`--data=${directory}`)} --replicas=${replicaCount}\n`
  );
}

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
  return known === null || Math.min(known.clients.length, known.peers.length) < replicaCount;
}

/** The first of those that are known, if they are enough; otherwise all are left open. */
function placesOf(replicaCount: number, known: KnownPlaces | null): KnownPlaces {
  const usual = portsAt(USUAL_BASE);
  const hosts = Array.from({ length: replicaCount }, (_, slot) => `HOST${slot}`);
  if (known === null || isOpen(replicaCount, known)) {
    return {
      clients: hosts.map((host) => `${host}:${usual.client}`),
      peers: hosts.map((host) => `${host}:${usual.peer}`),
    };
  }
  return {
    clients: known.clients.slice(0, replicaCount),
    peers: known.peers.slice(0, replicaCount),
  };
}

/** The client port of a replica that has a machine for itself. */
const USUAL_BASE = 7100;

/** The places of the old cluster's members, for a new one that takes their place. */
export function placesOfOld(endpoints: readonly string[], peers: string | undefined): KnownPlaces {
  const usual = endpoints.map((name) => {
    const { host, port } = parseEndpoint(name);
    return formatAddress({ host, port: portsAt(port).peer });
  });
  return { clients: endpoints, peers: peers?.split(',').map((part) => part.trim()) ?? usual };
}
