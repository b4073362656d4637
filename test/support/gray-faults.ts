import { type ProxiedCluster, slots } from './proxied-cluster.ts';

/** What befalls the primary of a cluster that goes on without it, or with it when that is over. */
export interface GrayFault {
  readonly name: string;
  /** Milliseconds that it lasts; null: until another replica leads. */
  readonly lasts: number | null;
  /** Begins it, and returns how to end it. */
  readonly begin: (cluster: ProxiedCluster, primary: number) => () => void;
}

/** The process stands still, its sockets open. */
export function stopped(millis: number): GrayFault {
  return {
    name: `stopped for ${millis / 1000} s`,
    lasts: millis,
    begin: (cluster, primary) => {
      cluster.signal(primary, 'SIGSTOP');
      return () => cluster.signal(primary, 'SIGCONT');
    },
  };
}

/**
 * Its disk does nothing; the process and its heartbeats go on, and so do commits on the votes of
 * its backups, until it gives way.
 */
export function hungDisk(millis: number | null): GrayFault {
  return {
    name: millis === null ? 'hung disk' : `hung disk for ${millis / 1000} s`,
    lasts: millis,
    begin: (cluster, primary) => {
      cluster.tell(primary, 'hang');
      return () => cluster.tell(primary, 'release');
    },
  };
}

/** One direction of all its links, or of that to the next replica, swallows everything. */
export function oneWay(direction: 'deaf' | 'mute', peers: 'all' | 'one'): GrayFault {
  return {
    name: `${direction} to ${peers}`,
    // With one backup it still is a quorum: nothing need happen, and nothing must go wrong.
    lasts: peers === 'one' ? 1_500 : null,
    begin: (cluster, primary) => {
      const others = slots().filter((slot) => slot !== primary);
      for (const peer of peers === 'all' ? others : others.slice(0, 1)) {
        const [from, to] = direction === 'mute' ? [primary, peer] : [peer, primary];
        cluster.setLink(from, to, { kind: 'drop' });
      }
      return () => cluster.heal();
    },
  };
}
