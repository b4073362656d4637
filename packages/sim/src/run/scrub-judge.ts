import { checkpointTables } from '../checkers/whole-checkpoint.ts';
import type { Cluster } from '../cluster/cluster.ts';

/** Ticks for the tours: far more than they take on a healed disk. */
const TICKS_MAX = 6_000;
/** The first may be under way already, with what it passed before it rotted. */
const TOURS = 2;
/** Ticks in which a start has read the whole log, and the metadata of its checkpoint. */
const LOADING_TICKS = 200;

/**
 * Whether the scrubbers of a healed core leave anything rotten, each disk being bad in other places
 * of every zone. After two more tours of each, every block of its checkpoint must be on its disk as
 * its parent names it, which the bytes say; and a start of each must find nothing, since a start
 * reads the superblock and the whole log. Of the blocks it reads the metadata alone, so that rot in
 * the others would never be missed by it. Returns what was found, or null. It knows of the scrubber
 * only what everyone can see.
 */
export function rotLeftByScrubbers(
  cluster: Cluster,
  core: readonly number[],
  options: {
    /** Sectors that rot at rest on each disk before the tours. */
    readonly rot: number;
    /**
     * Ticks until a core that one of its members has left and come back to has a primary: with long
     * timeouts, and views that belong to replicas outside of it, far more than tours take.
     */
    readonly startTicksMax: number;
  },
): string | null {
  // What rots now is not mended by chance, as a part of what is written next.
  for (const slot of core) {
    for (let count = 0; count < options.rot; count += 1) cluster.storage(slot).rotAtRest();
  }
  const awaited = new Map(core.map((slot) => [slot, toursFromNow(cluster, slot)]));
  const isDone = (slot: number): boolean => {
    const state = cluster.replica(slot).snapshot();
    const { tours, checkpointOp } = awaited.get(slot) ?? { tours: 0, checkpointOp: 0 };
    if (state !== null && state.checkpointOp !== checkpointOp) {
      awaited.set(slot, toursFromNow(cluster, slot));
      return false;
    }
    return (
      state !== null &&
      state.scrubTours >= tours &&
      state.blocksMissing === 0 &&
      state.journalFaulty === 0 &&
      // What lies below the checkpoint is mended too, and may have been asked of who hears nothing.
      state.repairsInFlight === 0
    );
  };
  const tables = checkpointTables(cluster.options.workload);
  if (!runUntil(cluster, () => core.every(isDone))) return 'the tours of the scrubbers never end';
  for (const slot of core) {
    // What a crash tears is no rot.
    const isStill = (): boolean => cluster.storage(slot).writesInFlight === 0;
    if (!runUntil(cluster, isStill)) return `replica ${slot} never stops writing`;
    const [block] = cluster.storage(slot).evidence.rottenBlocks(tables);
    if (block !== undefined) {
      return `replica ${slot} passed block ${block.address} in its tours: ${block.problem}`;
    }
    cluster.crash(slot);
    const before = cluster.totals.rotAtStart;
    cluster.start(slot);
    const up = (): boolean => {
      const state = cluster.replica(slot).snapshot();
      return state?.status === 'normal' && state.commitMin === state.op && state.op > 0;
    };
    if (!runUntil(cluster, up, options.startTicksMax)) return `replica ${slot} does not come back`;
    // The checkpoint may still be loading where no op lies above it.
    for (let tick = 0; tick < LOADING_TICKS; tick += 1) cluster.runTick();
    const rot = cluster.totals.rotAtStart - before;
    if (rot > 0) return `replica ${slot} starts with ${rot} places rotten that scrubbing passed`;
  }
  return null;
}

/**
 * How many tours a replica must have made, and of which checkpoint: a block that comes with another
 * one behind the place where the tour is, is seen by the next one only.
 */
function toursFromNow(
  cluster: Cluster,
  slot: number,
): { readonly tours: number; readonly checkpointOp: number } {
  const { scrubTours = 0, checkpointOp = 0 } = cluster.replica(slot).snapshot() ?? {};
  return { tours: scrubTours + TOURS, checkpointOp };
}

function runUntil(cluster: Cluster, condition: () => boolean, ticksMax = TICKS_MAX): boolean {
  for (let tick = 0; tick < ticksMax; tick += 1) {
    if (condition()) return true;
    cluster.runTick();
  }
  return condition();
}
