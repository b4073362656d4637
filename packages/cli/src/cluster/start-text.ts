import { parseEndpoint } from '@kimberlite/client';
import { formatAddress, portsAt } from '@kimberlite/server';
import { shellWord } from '../dev/ended-text.ts';
import { type NewCluster, newFilePaths } from './make-cluster.ts';

/** Where the replicas of a new cluster are to be, as far as the command was told. */
export interface KnownPlaces {
  /** Client addresses, by slot. */
  readonly clients: readonly string[];
  /** Peer addresses, by slot. */
  readonly peers: readonly string[];
}

/** Arguments of `kimberlite` that start each replica; HOST0... stand for what is not known. */
export function startCommands(made: NewCluster, known: KnownPlaces | null): string[][] {
  const { clients, peers } = placesOf(made.replicaCount, known);
  return newFilePaths(made).map((path, slot) => [
    'start',
    `--data-file=${path}`,
    `--cluster=${made.cluster}`,
    `--replica=${slot}`,
    `--addresses=${peers.join(',')}`,
    `--client-address=${clients[slot]}`,
  ]);
}

/** What is said of a new cluster's files: how to start them where they belong, or all here. */
export function startText(made: NewCluster, known: KnownPlaces | null): string {
  const { directory, replicaCount } = made;
  const open = isOpen(replicaCount, known);
  const hosts = replicaCount === 1 ? 'HOST0' : `HOST0 to HOST${replicaCount - 1}`;
  const lines = startCommands(made, known).map((words) => {
    return `  npx kimberlite ${words.map(word).join(' ')}\n`;
  });
  return (
    `Give each replica its own file, and no other replica the same, and start all` +
    `${open ? `, with their machines for ${hosts}` : ''}:\n` +
    lines.join('') +
    'To look at it on this machine first, where nothing else uses the ports:\n' +
    `  npx kimberlite dev ${word(`--data=${directory}`)} --replicas=${replicaCount}\n`
  );
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
