import { CONFIG_SIMULATION, Prng, SCRUB_DEFAULT, TIMEOUTS_DEFAULT } from '@kimberlite/vsr';
import { CLIENTS_BUSY } from '../client/simulated-client.ts';
import { CLOCK_CALM } from '../cluster/clock.ts';
import { HINTS_OFF } from '../cluster/hints.ts';
import { WORK_MEAN_MICROS } from '../cluster/replica-process.ts';
import { NETWORK_CALM } from '../network/network.ts';
import { PARTITIONS_OFF } from '../network/partitions.ts';
import { FULL_DISKS_OFF } from '../run/full-disks.ts';
import { GRAY_OFF } from '../run/gray-faults.ts';
import { HUNG_DISKS_OFF } from '../run/hung-disks.ts';
import { LOST_DISK_OFF } from '../run/lost-disk.ts';
import { OLD_FILES_OFF } from '../run/old-files.ts';
import { PROCESS_FAULTS_OFF, type SimulationOptions } from '../run/options.ts';
import { drawParameters } from '../run/swarm.ts';
import { STORAGE_CALM } from '../storage/storage.ts';

/**
 * Everything drawn from the seed, with all classes of faults that it happens to switch on but those
 * that the swarm alone has (draw-whole-disks.ts).
 */
export function drawn(seed: bigint): SimulationOptions {
  return drawParameters(new Prng(seed).fork());
}

/** The same with so many replicas; clocks that are missing then are right ones. */
export function withReplicas(options: SimulationOptions, replicaCount: number): SimulationOptions {
  const clocks = Array.from(
    { length: replicaCount },
    (_, slot) => options.clocks[slot] ?? CLOCK_CALM,
  );
  return { ...options, replicaCount, clocks };
}

/** A cluster in which nothing fails; the workload and the seed's other draws stay. */
export function healthy(seed: bigint, replicaCount = 3): SimulationOptions {
  return {
    ...drawn(seed),
    replicaCount,
    clientCount: 4,
    config: CONFIG_SIMULATION,
    checksum: 'mix128',
    network: NETWORK_CALM,
    partitions: PARTITIONS_OFF,
    storage: STORAGE_CALM,
    atlas: { wal: false, blocks: false },
    processes: PROCESS_FAULTS_OFF,
    gray: GRAY_OFF,
    hungDisks: HUNG_DISKS_OFF,
    fullDisks: FULL_DISKS_OFF,
    lostDisk: LOST_DISK_OFF,
    oldFiles: OLD_FILES_OFF,
    byzantine: null,
    clocks: Array.from({ length: replicaCount }, () => CLOCK_CALM),
    clients: CLIENTS_BUSY,
    scrub: SCRUB_DEFAULT,
    timeouts: TIMEOUTS_DEFAULT,
    hints: HINTS_OFF,
    workMeanMicros: WORK_MEAN_MICROS,
    healedWriteMicros: 0,
    healedDelayMicros: 0,
  };
}

/** A probability up to so many thousandths, by seed. */
export function thousandth(seed: bigint, most: number): number {
  return new Prng(seed).below(most + 1) / 1_000;
}

/** Three replicas in half of the seeds, five in the others. */
export function threeOrFive(seed: bigint): number {
  return seed % 2n === 0n ? 5 : 3;
}
