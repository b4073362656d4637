import type { Prng } from '@kimberlite/vsr';
import { type ProxiedCluster, REPLICAS, slots } from './proxied-cluster.ts';
import type { ProxyMode } from './proxy.ts';
import { until } from './until.ts';

export interface Fault {
  readonly name: string;
  /**
   * Whether a quorum goes on during it: then operations must be answered before it is healed, and
   * the time until the first write is the failover.
   */
  readonly available: boolean;
  /** Begins it, and returns how to end it. */
  readonly begin: (cluster: ProxiedCluster, prng: Prng) => Promise<() => Promise<void>>;
}

/** Kinds of a full run; each is drawn about as often as the others. */
export const FAULTS: readonly Fault[] = [
  killing('kill_primary', (cluster) => cluster.primary()),
  killing('kill_random', (_, prng) => Promise.resolve(prng.below(REPLICAS))),
  pausing('pause_primary', (cluster) => cluster.primary()),
  pausing('pause_random', (_, prng) => Promise.resolve(prng.below(REPLICAS))),
  {
    name: 'kill_all',
    available: false,
    begin: async (cluster) => {
      await cluster.killAll();
      return () => cluster.startAll();
    },
  },
  linking('delay_all', async () => everyPair(), { kind: 'delay', millis: 40 }),
  linking(
    'drop_one_way',
    async (_, prng) => {
      const from = prng.below(REPLICAS);
      return [[from, otherThan(from, prng)]];
    },
    { kind: 'drop' },
  ),
  // The primary hears its backups, which do not hear it.
  linking('drop_from_primary', async (cluster) => from(await cluster.primary()), { kind: 'drop' }),
  // The backups hear their primary, which does not hear them.
  linking('drop_to_primary', async (cluster) => to(await cluster.primary()), { kind: 'drop' }),
  linking('cut_primary', async (cluster) => around(await cluster.primary()), { kind: 'cut' }),
  linking('cut_random', async (_, prng) => around(prng.below(REPLICAS)), { kind: 'cut' }),
  {
    name: 'cut_all',
    available: false,
    begin: async (cluster) => {
      for (const [source, target] of everyPair()) cluster.setLink(source, target, { kind: 'cut' });
      await until(async () => {
        const records = await Promise.all(slots().map((slot) => cluster.status(slot)));
        const apart = records.every((record) => record?.peers.every((peer) => !peer.outgoing));
        return apart ? true : null;
      }, cluster.waiting('every replica is alone'));
      return async () => cluster.heal();
    },
  },
];

/** Names of a short run: the ways of dying, and one of the network, drawn. */
const SHORT: readonly string[] = ['kill_primary', 'pause_primary', 'kill_all'];

/** The faults of a run, in the order of their rounds; `only` names the kinds of it, if given. */
export function drawFaults(rounds: number, prng: Prng, only: readonly string[]): Fault[] {
  const wanted = FAULTS.filter(({ name }) => only.includes(name));
  if (wanted.length > 0) return Array.from({ length: rounds }, () => prng.pick(wanted));
  const short = FAULTS.filter(({ name }) => SHORT.includes(name));
  const others = FAULTS.filter(({ name }) => !SHORT.includes(name));
  const drawn: Fault[] = [...short, prng.pick(others)].slice(0, rounds);
  if (rounds >= FAULTS.length) drawn.splice(0, drawn.length, ...FAULTS);
  while (drawn.length < rounds) drawn.push(prng.pick(FAULTS));
  return prng.shuffle(drawn);
}

type Pick = (cluster: ProxiedCluster, prng: Prng) => Promise<number>;

function killing(name: string, pick: Pick): Fault {
  return {
    name,
    available: true,
    begin: async (cluster, prng) => {
      const slot = await pick(cluster, prng);
      await cluster.kill(slot);
      return () => cluster.start(slot);
    },
  };
}

function pausing(name: string, pick: Pick): Fault {
  return {
    name,
    available: true,
    begin: async (cluster, prng) => {
      const slot = await pick(cluster, prng);
      cluster.signal(slot, 'SIGSTOP');
      return async () => cluster.signal(slot, 'SIGCONT');
    },
  };
}

type Pairs = readonly (readonly [number, number])[];

function linking(
  name: string,
  pick: (cluster: ProxiedCluster, prng: Prng) => Promise<Pairs>,
  mode: ProxyMode,
): Fault {
  return {
    name,
    available: true,
    begin: async (cluster, prng) => {
      for (const [source, target] of await pick(cluster, prng)) {
        cluster.setLink(source, target, mode);
      }
      return async () => cluster.heal();
    },
  };
}

function everyPair(): Pairs {
  return slots().flatMap((source) => from(source));
}

function from(source: number): Pairs {
  return slots().flatMap((target) => (target === source ? [] : [[source, target] as const]));
}

function to(target: number): Pairs {
  return from(target).map(([one, other]) => [other, one]);
}

function around(slot: number): Pairs {
  return [...from(slot), ...to(slot)];
}

function otherThan(slot: number, prng: Prng): number {
  return (slot + 1 + prng.below(REPLICAS - 1)) % REPLICAS;
}
