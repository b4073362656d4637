import { type KeyOrder, LOOKS_SHARED } from '@kimberlite/kernel';
import {
  CONFIG_SIMULATION,
  type Command,
  type Prng,
  type ScrubOptions,
  type TraceEvent,
} from '@kimberlite/vsr';
import { BURSTS_OFF } from '../client/bursts.ts';
import type { ClientOptions } from '../client/simulated-client.ts';
import type { ClockOptions } from '../cluster/clock.ts';
import { WORK_MEAN_MICROS } from '../cluster/replica-process.ts';
import { CONGESTION_MILD, CONGESTION_OFF, type CongestionOptions } from '../network/congestion.ts';
import type { NetworkOptions } from '../network/network.ts';
import {
  PARTITIONS_OFF,
  type PartitionMode,
  type PartitionOptions,
} from '../network/partitions.ts';
import { STORAGE_CALM, type StorageOptions } from '../storage/storage.ts';
import { drawHints, drawTimeouts } from './draw-timeouts.ts';
import { drawLastOfDisks, drawWholeDisks } from './draw-whole-disks.ts';
import { FULL_DISKS_OFF } from './full-disks.ts';
import { GRAY_KINDS, GRAY_OFF, type GrayOptions } from './gray-faults.ts';
import { HUNG_DISKS_OFF } from './hung-disks.ts';
import { LOST_DISK_OFF } from './lost-disk.ts';
import { OLD_FILES_OFF } from './old-files.ts';
import { CRASH_AT_NOTHING, type ProcessFaultOptions, type SimulationOptions } from './options.ts';

const MILLISECOND = 1_000;
/** In milliseconds. */
const HOUR = 3_600_000;
/** A run must answer this many times the slots of its WAL, so that the ring wraps. */
const WRAPS_MIN = 3;
const SAFETY_TICKS_MAX = 20_000;
const LIVENESS_TICKS_MAX = 12_000;
/** So many times as long where disks stay slow, or timeouts are so long that little happens. */
const PATIENCE = 4;
const PATIENT_SILENCE = 100;
/** Deleted keys that the ranges of a request may come by in most runs, so that they end there. */
const LOOKS_FEW = 4;

/**
 * Draws all parameters of a run. Each class of faults is switched off in a share of runs: what is
 * always on hides what it masks. Rates of crashes and pauses are far above those of long campaigns
 * elsewhere, because a run here is a few thousand ticks and not millions.
 */
export function drawSwarm(prng: Prng): SimulationOptions {
  const drawn = drawWholeDisks(prng, drawParameters(prng));
  return drawLastOfDisks(prng, { ...drawn, keyOrder: prng.pick(KEY_ORDERS_DRAWN) });
}

/** Some kinds of trouble need a few hot keys, or keys that grow; most are better off with any. */
const KEY_ORDERS_DRAWN: readonly KeyOrder[] = ['uniform', 'uniform', 'hotspot', 'sequential'];

/** The same without disks that fail as wholes, without single links that are cut; any key alike. */
export function drawParameters(prng: Prng): SimulationOptions {
  const replicaCount = prng.pick([1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 6]);
  const config = CONFIG_SIMULATION;
  const clientCount = prng.between(1, 2 * config.sessionsMax - 1);
  const checksum = prng.chance(0.05) ? 'sha256-128' : 'mix128';
  const workload = prng.chance(0.1) ? 'counter' : 'kernel';
  const callsMax = prng.pick([1, 2, 4]);
  const drawn: Omit<SimulationOptions, 'storage' | 'scrub' | 'scrubJudged' | 'workMeanMicros'> & {
    readonly storage: ReturnType<typeof drawStorage>;
  } = {
    replicaCount,
    clientCount,
    config,
    checksum,
    workload,
    callsMax,
    namespaces: 2,
    looksShared: callsMax === 4 ? LOOKS_SHARED : LOOKS_FEW,
    keyOrder: 'uniform',
    requestsTarget: config.walSlots * prng.between(WRAPS_MIN, 3 * WRAPS_MIN),
    safetyTicksMax: SAFETY_TICKS_MAX,
    livenessTicksMax: LIVENESS_TICKS_MAX,
    healedWriteMicros: 0,
    healedDelayMicros: 0,
    network: drawNetwork(prng),
    partitions: drawPartitions(prng),
    storage: drawStorage(prng),
    atlas: { wal: prng.chance(0.8), blocks: prng.chance(0.8) },
    processes: drawProcesses(prng),
    clocks: Array.from({ length: replicaCount }, () => drawClock(prng)),
    clients: drawClients(prng),
    introduced: prng.chance(0.75),
    lostDisk: LOST_DISK_OFF,
    oldFiles: OLD_FILES_OFF,
    dividedRecovery: false,
    lateHeaders: false,
    unawarePrimaries: false,
    gray: GRAY_OFF,
    hungDisks: HUNG_DISKS_OFF,
    fullDisks: FULL_DISKS_OFF,
    byzantine: null,
    witnesses: [],
    timeouts: drawTimeouts(prng),
    hints: drawHints(prng),
  };
  const latentFaultProbability = rate(prng, prng.pick([0.02, 0.2]), 0.4);
  const scrub = drawScrub(prng);
  const stateBytesMax = prng.chance(0.15) ? prng.pick([2_000, 10_000, 30_000]) : 0;
  return drawLater(prng, {
    ...drawn,
    config: { ...config, stateBytesMax },
    storage: { ...STORAGE_CALM, ...drawn.storage, latentFaultProbability },
    scrub,
    scrubJudged: null,
    workMeanMicros: WORK_MEAN_MICROS,
  });
}

/** From several tours in a run to next to nothing of one, and now and then with little to read. */
function drawScrub(prng: Prng): ScrubOptions {
  return {
    tourTicks: prng.pick([20, 100, 1_000, 8_640_000]),
    bytesPerTick: prng.pick([1_000, 100_000, 1_000_000]),
  };
}

/** Classes of faults drawn after all others, so that they move no draw of an older one. */
function drawLater(prng: Prng, drawn: SimulationOptions): SimulationOptions {
  const congestion = prng.pick([
    CONGESTION_OFF,
    CONGESTION_OFF,
    CONGESTION_MILD,
    drawCongestion(prng),
  ]);
  const lost: Command = prng.pick(COMMANDS_LOST);
  const lossByCommand = prng.chance(0.2)
    ? { [lost]: prng.pick([0.3, 0.9, lost === 'pong' ? 0.5 : 1]) }
    : {};
  const crashAt = prng.chance(0.2)
    ? { events: [prng.pick(CRASH_EVENTS)], probability: prng.pick([0.003, 0.03]) }
    : CRASH_AT_NOTHING;
  const multi: PartitionMode[] = prng.chance(0.3) ? ['multi_group'] : [];
  const { modes } = drawn.partitions;
  const gray = drawGray(prng, drawn.replicaCount);
  const headFaultProbability = prng.pick([0, 0, 0.1, 0.5]);
  const workMeanMicros = prng.pick([WORK_MEAN_MICROS, WORK_MEAN_MICROS, 5_000, 50_000]);
  const historyRevisions = prng.chance(0.4) ? prng.pick([3, 25, 200]) : 0;
  const wide = drawWide(prng, {
    ...drawn,
    config: { ...drawn.config, historyRevisions },
    network: { ...drawn.network, congestion, lossByCommand },
    partitions: { ...drawn.partitions, modes: modes.length === 0 ? modes : [...modes, ...multi] },
    processes: { ...drawn.processes, crashAt },
    gray,
    storage: { ...drawn.storage, headFaultProbability },
    workMeanMicros,
  });
  return drawHealed(prng, wide);
}

/** Disks that stay slow when all else heals. Where little happens in a time there is more of it. */
function drawHealed(prng: Prng, drawn: SimulationOptions): SimulationOptions {
  const healedWriteMicros = prng.chance(0.15) ? prng.pick([100, 300]) * MILLISECOND : 0;
  const patient = healedWriteMicros > 0 || drawn.timeouts.silence > PATIENT_SILENCE;
  const livenessTicksMax = drawn.livenessTicksMax * (patient ? PATIENCE : 1);
  // Half of all runs live through it: faults that let little through are as good in more runs.
  const safetyTicksMax = prng.pick([SAFETY_TICKS_MAX / 2, SAFETY_TICKS_MAX / 2, SAFETY_TICKS_MAX]);
  return {
    ...drawn,
    healedWriteMicros,
    livenessTicksMax,
    safetyTicksMax: patient ? SAFETY_TICKS_MAX : safetyTicksMax,
  };
}

/**
 * In a share of runs one thing is as wide as it gets. Drawn late, and one at a time: a run
 * in which all of it is slow shows next to nothing in its time.
 */
function drawWide(prng: Prng, drawn: SimulationOptions): SimulationOptions {
  const wide = prng.pick([
    'none',
    'none',
    'none',
    'clogs',
    'writes',
    'silence',
    'stability',
  ] as const);
  switch (wide) {
    case 'none':
      return drawn;
    case 'clogs':
      return { ...drawn, network: { ...drawn.network, clogProbability: rate(prng, 0.02, 0) } };
    case 'writes': {
      const writeMeanMicros = prng.between(400, 1_000) * MILLISECOND;
      return { ...drawn, storage: { ...drawn.storage, writeMeanMicros } };
    }
    case 'silence':
      return { ...drawn, clients: { ...drawn.clients, idleOnProbability: rate(prng, 0.2, 0) } };
    case 'stability': {
      const stableTicksMin = prng.between(300, 1_000);
      return { ...drawn, processes: { ...drawn.processes, stableTicksMin } };
    }
  }
}

/**
 * Commands whose loss, even of every one, others must make up for. Without any pong replicas that
 * do not know each other yet never start, and show nothing.
 */
const COMMANDS_LOST: readonly Command[] = ['commit', 'pong', 'prepareOk', 'startView', 'headers'];
const CRASH_EVENTS: readonly TraceEvent['kind'][] = [
  'committed',
  'status',
  'acknowledged',
  'view_durable',
  'checkpoint_durable',
];

function drawCongestion(prng: Prng): CongestionOptions {
  return {
    beginProbability: rate(prng, 0.05, 0),
    endProbability: 0.05 + rate(prng, 0.4, 0),
    delayFactor: prng.between(1, 10),
    lossProbability: rate(prng, 0.5, 0),
  };
}

function drawGray(prng: Prng, replicaCount: number): GrayOptions {
  const kinds = prng.chance(0.3) ? GRAY_KINDS : [prng.pick(GRAY_KINDS)];
  const options: GrayOptions = {
    kinds,
    enterProbability: prng.pick([0.001, 0.01]),
    leaveProbability: prng.pick([0.005, 0.05]),
    illMax: prng.between(1, replicaCount),
  };
  return prng.chance(0.6) ? GRAY_OFF : options;
}

/** Zero in the given share of draws, else uniform in thousandths up to the limit. */
function rate(prng: Prng, most: number, off: number): number {
  const drawn = (prng.below(1001) / 1000) * most;
  return prng.chance(off) ? 0 : drawn;
}

function drawNetwork(prng: Prng): NetworkOptions {
  return {
    delayMinMicros: prng.between(0, prng.pick([1, 10, 30])) * MILLISECOND,
    delayMeanMicros: prng.between(1, prng.pick([5, 30, 100])) * MILLISECOND,
    lossProbability: rate(prng, prng.pick([0.05, 0.3]), 0.3),
    lossByCommand: {},
    lossByCommandFrom: 0,
    lossByCommandTo: null,
    replayProbability: rate(prng, prng.pick([0.1, 0.5]), 0.3),
    replayRequests: prng.chance(0.3),
    echoProbability: rate(prng, 0.02, 0.5),
    echoMeanMicros: prng.between(1, prng.pick([100, 10_000])) * MILLISECOND,
    echoCommands: null,
    garbleProbability: rate(prng, 0.01, 0.7),
    garbleChecksums: 0,
    capacity: prng.pick([prng.between(2, 20), prng.between(10, 20), 200]),
    reorder: prng.chance(0.8),
    clogProbability: rate(prng, 0.002, 0.5),
    clogMeanMicros: prng.between(1, prng.pick([100, 1_000, 5_000])) * MILLISECOND,
    congestion: CONGESTION_OFF,
  };
}

function drawPartitions(prng: Prng): PartitionOptions {
  const all: PartitionMode[] = ['uniform_size', 'uniform_partition', 'isolate_one'];
  const modes = prng.chance(0.3) ? all : [prng.pick(all)];
  const options: PartitionOptions = {
    modes,
    symmetry: prng.pick(['symmetric', 'one_way', 'mixed']),
    beginProbability: rate(prng, prng.pick([0.003, 0.03]), 0),
    healProbability: 0.002 + rate(prng, prng.pick([0.01, 0.1]), 0),
    stableTicksMin: prng.pick([0, 10, 50, 200]),
  };
  return prng.chance(0.35) ? PARTITIONS_OFF : options;
}

function drawStorage(
  prng: Prng,
): Omit<
  StorageOptions,
  | 'latentFaultProbability'
  | 'headFaultProbability'
  | 'writeErrorProbability'
  | 'droppedWriteProbability'
  | 'rotChecksums'
> {
  return {
    readMinMicros: prng.between(0, prng.pick([1, 30])) * MILLISECOND,
    readMeanMicros: prng.between(0, prng.pick([1, 10, 100])) * MILLISECOND,
    writeMinMicros: prng.between(0, prng.pick([1, 10, 30])) * MILLISECOND,
    writeMeanMicros: prng.between(0, prng.pick([1, 5, 20, 100, 400])) * MILLISECOND,
    readFaultProbability: rate(prng, prng.pick([0.01, 0.1]), 0.3),
    writeFaultProbability: rate(prng, prng.pick([0.01, 0.1]), 0.3),
    misdirectProbability: rate(prng, prng.pick([0.01, 0.1]), 0.4),
    crashFaultProbability: prng.chance(0.2) ? 0 : prng.between(80, 100) / 100,
  };
}

function drawProcesses(prng: Prng): ProcessFaultOptions {
  const crash = prng.pick([0, 1 / 5_000, 1 / 1_000, 1 / 300]);
  return {
    crashProbability: crash,
    crashWhileWritingProbability: crash * prng.pick([0, 3, 10]),
    crashAllProbability: prng.pick([0, 0, 1 / 5_000, 1 / 1_500]),
    crashDelayEventsMax: prng.pick([1, 10, 200]),
    restartProbability: 1 / prng.pick([10, 50, 200, 500]),
    stableTicksMin: prng.pick([0, 10, 100, 300]),
    pauseProbability: prng.pick([0, 0, 1 / 2_000, 1 / 500]),
    unpauseProbability: 1 / prng.pick([5, 50, 200]),
    crashAt: CRASH_AT_NOTHING,
  };
}

function drawClock(prng: Prng): ClockOptions {
  const calm = prng.chance(0.3);
  const skew = prng.pick([1, 100, 1_000, 60_000]) * MILLISECOND;
  return {
    skewMicros: calm ? 0 : prng.between(-skew, skew),
    driftMicrosPerSecond: calm ? 0 : prng.between(-2_000, 2_000),
    stepProbability: calm ? 0 : prng.pick([0, 0, 1 / 2_000]),
    stepMicrosMax: prng.pick([10, 1_000, 100_000, HOUR]) * MILLISECOND,
  };
}

function drawClients(prng: Prng): ClientOptions {
  return {
    requestProbability: prng.between(1, prng.pick([10, 100])) / 100,
    idleOnProbability: rate(prng, 0.02, 0.5),
    idleOffProbability: 0.05 + rate(prng, 0.15, 0),
    crashProbability: prng.pick([0, 0, 1 / 3_000, 1 / 500]),
    // Each costs a round of all replicas: more often they would be most of what happens in a run.
    queryProbability: rate(prng, prng.pick([0.01, 0.05]), 0.3),
    bursts: BURSTS_OFF,
  };
}
