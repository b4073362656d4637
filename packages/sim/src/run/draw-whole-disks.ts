import type { Prng } from '@kimberlite/vsr';
import type { PartitionMode, PartitionOptions } from '../network/partitions.ts';
import { FULL_DISKS_OFF, type FullDiskOptions } from './full-disks.ts';
import { HUNG_DISKS_OFF, type HungDiskOptions } from './hung-disks.ts';
import { LOST_DISK_OFF, type LostDiskOptions } from './lost-disk.ts';
import { OLD_FILES_OFF, type OldFileOptions } from './old-files.ts';
import type { SimulationOptions } from './options.ts';

/** Share of runs in which a class is switched on. */
const ON = 0.25;
/** Of lost disks, which leave no room for any rot. */
const LOST_ON = 0.12;
/** Of files put back to older copies, the same. */
const OLD_ON = 0.12;
/** Of full disks. */
const FULL_ON = 0.2;

const LINK_MODES: readonly PartitionMode[] = ['single_link', 'bridge', 'ring'];

/**
 * Classes of faults drawn after all others, each for itself: writes that fail and end their
 * process, writes that are said to be done and are not, disks that hang, disks that are lost, and
 * links that are cut one by one. A lost disk is the one bad copy that the atlas leaves room for:
 * there is no rot in the run then.
 */
export function drawWholeDisks(prng: Prng, drawn: SimulationOptions): SimulationOptions {
  const writeErrorProbability = prng.chance(ON) ? prng.pick([0.000_2, 0.002]) : 0;
  const droppedWriteProbability = prng.chance(ON) ? prng.pick([0.01, 0.1]) : 0;
  const hungDisks = drawHung(prng, drawn.replicaCount);
  const partitions = drawLinks(prng, drawn.partitions);
  const lostDisk = drawLost(prng);
  const options: SimulationOptions = {
    ...drawn,
    partitions,
    hungDisks,
    storage: { ...drawn.storage, writeErrorProbability, droppedWriteProbability },
  };
  // Two of two are needed, and one alone has no peer that would know.
  if (lostDisk.disksMax === 0 || drawn.replicaCount < 3) return options;
  return { ...options, lostDisk, introduced: true, atlas: { wal: false, blocks: false } };
}

/**
 * Classes that came later, drawn after all else, so that they move no draw of an older one: disks
 * that are full, and files that are put back to older copies. Such a file is the one bad copy, as
 * a lost disk is.
 */
export function drawLastOfDisks(prng: Prng, drawn: SimulationOptions): SimulationOptions {
  const options: SimulationOptions = { ...drawn, fullDisks: drawFull(prng, drawn.replicaCount) };
  const oldFiles = drawOld(prng);
  if (oldFiles.filesMax === 0 || drawn.lostDisk.disksMax > 0 || drawn.replicaCount < 3) {
    return options;
  }
  return { ...options, oldFiles, introduced: true, atlas: { wal: false, blocks: false } };
}

function drawFull(prng: Prng, replicaCount: number): FullDiskOptions {
  const options: FullDiskOptions = {
    fillProbability: prng.pick([1 / 1_000, 1 / 100]),
    clearProbability: 1 / prng.pick([100, 500]),
    fullMax: prng.between(1, replicaCount),
    together: prng.chance(0.5),
  };
  return prng.chance(FULL_ON) ? options : FULL_DISKS_OFF;
}

function drawOld(prng: Prng): OldFileOptions {
  const options: OldFileOptions = {
    copyProbability: prng.pick([1 / 1_000, 1 / 100]),
    probability: prng.pick([1 / 500, 1 / 50]),
    remedyProbability: prng.pick([0, 1 / 100, 1 / 20]),
    filesMax: prng.between(1, 10),
  };
  return prng.chance(OLD_ON) ? options : OLD_FILES_OFF;
}

function drawHung(prng: Prng, replicaCount: number): HungDiskOptions {
  const options: HungDiskOptions = {
    hangProbability: prng.pick([1 / 2_000, 1 / 500]),
    resumeProbability: 1 / prng.pick([20, 100, 400]),
    hungMax: prng.between(1, replicaCount),
  };
  return prng.chance(ON) ? options : HUNG_DISKS_OFF;
}

function drawLinks(prng: Prng, drawn: PartitionOptions): PartitionOptions {
  const mode = prng.pick(LINK_MODES);
  const alone: PartitionOptions = {
    modes: [mode],
    symmetry: prng.pick(['symmetric', 'one_way', 'mixed']),
    beginProbability: prng.pick([0.003, 0.03]),
    healProbability: prng.pick([0.005, 0.05]),
    stableTicksMin: prng.pick([0, 50]),
  };
  if (!prng.chance(ON)) return drawn;
  return drawn.modes.length === 0 ? alone : { ...drawn, modes: [...drawn.modes, mode] };
}

function drawLost(prng: Prng): LostDiskOptions {
  const options: LostDiskOptions = {
    probability: prng.pick([1 / 1_000, 1 / 100]),
    recoverProbability: prng.pick([0, 1 / 100, 1 / 20]),
    returnProbability: prng.pick([0, 1 / 100]),
    disksMax: prng.between(1, 5),
  };
  return prng.chance(LOST_ON) ? options : LOST_DISK_OFF;
}
