import { CONFIG_SIMULATION, Prng } from '@kimberlite/vsr';
import { CLIENTS_BUSY } from '../client/simulated-client.ts';
import { CLOCK_CALM } from '../cluster/clock.ts';
import { NETWORK_CALM } from '../network/network.ts';
import { PARTITIONS_OFF } from '../network/partitions.ts';
import { STORAGE_CALM } from '../storage/storage.ts';
import { PROCESS_FAULTS_OFF, type SimulationOptions } from './options.ts';
import { drawSwarm } from './swarm.ts';

/** A named set of parameters; what it does not fix is drawn from the seed. */
export interface Scenario {
  readonly name: string;
  readonly purpose: string;
  readonly options: (seed: bigint) => SimulationOptions;
}

function swarm(seed: bigint): SimulationOptions {
  return drawSwarm(new Prng(seed).fork());
}

function baseline(seed: bigint): SimulationOptions {
  const drawn = swarm(seed);
  return {
    ...drawn,
    replicaCount: 3,
    clientCount: 4,
    config: CONFIG_SIMULATION,
    checksum: 'mix128',
    network: NETWORK_CALM,
    partitions: PARTITIONS_OFF,
    storage: STORAGE_CALM,
    atlas: { wal: false, blocks: false },
    processes: PROCESS_FAULTS_OFF,
    clocks: [CLOCK_CALM, CLOCK_CALM, CLOCK_CALM],
    clients: CLIENTS_BUSY,
  };
}

function threeOf(options: SimulationOptions): SimulationOptions {
  const clocks = [0, 1, 2].map((slot) => options.clocks[slot] ?? CLOCK_CALM);
  return { ...options, replicaCount: 3, clocks };
}

function storageFaults(seed: bigint): SimulationOptions {
  const drawn = threeOf(swarm(seed));
  return {
    ...drawn,
    network: NETWORK_CALM,
    partitions: PARTITIONS_OFF,
    atlas: { wal: true, blocks: true },
    storage: {
      ...STORAGE_CALM,
      readFaultProbability: 0.05,
      writeFaultProbability: 0.05,
      misdirectProbability: 0.05,
      crashFaultProbability: 0.9,
    },
    processes: {
      ...PROCESS_FAULTS_OFF,
      crashProbability: 1 / 1_000,
      crashWhileWritingProbability: 1 / 200,
      crashDelayEventsMax: 50,
      restartProbability: 1 / 50,
    },
  };
}

/** Heads are doubted often, and for long: rot, crashes at every turn, and slow answers. */
function uncertainHeads(seed: bigint): SimulationOptions {
  const drawn = storageFaults(seed);
  return {
    ...drawn,
    requestsTarget: drawn.config.walSlots * 3,
    network: { ...NETWORK_CALM, delayMinMicros: 20_000, delayMeanMicros: 100_000 },
    storage: { ...drawn.storage, readFaultProbability: 0.2, misdirectProbability: 0 },
    processes: {
      ...PROCESS_FAULTS_OFF,
      crashProbability: 1 / 100,
      crashDelayEventsMax: 50,
      restartProbability: 1 / 5,
    },
  };
}

function partitioned(seed: bigint): SimulationOptions {
  const drawn = threeOf(swarm(seed));
  return {
    ...drawn,
    storage: STORAGE_CALM,
    atlas: { wal: false, blocks: false },
    processes: PROCESS_FAULTS_OFF,
    partitions: {
      modes: ['uniform_size', 'uniform_partition', 'isolate_one'],
      symmetry: 'mixed',
      beginProbability: 0.02,
      healProbability: 0.01,
      stableTicksMin: 20,
    },
  };
}

function powerCuts(seed: bigint): SimulationOptions {
  const drawn = swarm(seed);
  return {
    ...drawn,
    partitions: PARTITIONS_OFF,
    atlas: { wal: false, blocks: false },
    storage: { ...STORAGE_CALM, writeMeanMicros: 5_000, crashFaultProbability: 0.9 },
    processes: {
      ...PROCESS_FAULTS_OFF,
      crashAllProbability: 1 / 300,
      crashDelayEventsMax: 50,
      restartProbability: 1 / 20,
    },
  };
}

/** Views that end after a few ops: logs of different views and lengths meet again and again. */
function duellingViews(seed: bigint): SimulationOptions {
  const drawn = swarm(seed);
  const replicaCount = seed % 2n === 0n ? 5 : 3;
  const clocks = Array.from(
    { length: replicaCount },
    (_, slot) => drawn.clocks[slot] ?? CLOCK_CALM,
  );
  return {
    ...drawn,
    replicaCount,
    clocks,
    clientCount: 4,
    requestsTarget: drawn.config.walSlots * 3,
    atlas: { wal: false, blocks: false },
    storage: { ...STORAGE_CALM, crashFaultProbability: 0.9 },
    network: {
      ...drawn.network,
      delayMinMicros: 1_000,
      delayMeanMicros: 10_000,
      lossProbability: 0.1,
      replayProbability: 0.5,
      capacity: 50,
      reorder: true,
      clogProbability: 0.001,
      clogMeanMicros: 4_000_000,
    },
    partitions: {
      modes: ['isolate_one', 'uniform_partition'],
      symmetry: 'mixed',
      beginProbability: 0.05,
      healProbability: 0.02,
      stableTicksMin: 10,
    },
    processes: {
      ...PROCESS_FAULTS_OFF,
      crashProbability: 1 / 500,
      crashDelayEventsMax: 20,
      restartProbability: 1 / 20,
    },
    clients: {
      ...drawn.clients,
      requestProbability: 0.05,
      idleOnProbability: 0,
      crashProbability: 0,
    },
  };
}

/** What `vopr list` shows and `--scenario` takes. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'swarm',
    purpose: 'all parameters and fault classes drawn from the seed',
    options: swarm,
  },
  { name: 'baseline', purpose: 'a healthy cluster of three: nothing fails', options: baseline },
  {
    name: 'storage_faults',
    purpose: 'rotten, torn and misdirected sectors, crashes; a calm network',
    options: storageFaults,
  },
  {
    name: 'uncertain_heads',
    purpose: 'replicas that doubt their heads, crash while they do, and are answered slowly',
    options: uncertainHeads,
  },
  {
    name: 'partitions',
    purpose: 'symmetric and one-way partitions; sound disks',
    options: partitioned,
  },
  {
    name: 'duelling_views',
    purpose: 'views that end after a few ops, acknowledgements that come very late',
    options: duellingViews,
  },
  {
    name: 'power_cuts',
    purpose: 'all replicas lose power at once, with writes in flight',
    options: powerCuts,
  },
];

/** The parameters of a named scenario for a seed, or null when there is none of that name. */
export function scenarioOptions(name: string, seed: bigint): SimulationOptions | null {
  const scenario = SCENARIOS.find((candidate) => candidate.name === name);
  return scenario === undefined ? null : scenario.options(seed);
}
