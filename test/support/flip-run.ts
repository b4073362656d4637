import { closeSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { type Prng, SUPERBLOCK_COPIES, type Zone, zoneOffset, zoneSize } from '@kimberlite/vsr';
import { DISK_CONFIG, type DiskCluster } from './disk-cluster.ts';
import { FilePlaces, type Place, type Use } from './file-places.ts';
import { recoverMember } from './recover-member.ts';
import { until } from './until.ts';

export const FLIP_ZONES: readonly Zone[] = ['superblock', 'wal_headers', 'wal_prepares', 'blocks'];
/** Bytes of a burst. */
export const BURST_FLIPS = 20;
/** Tours of a second in which whatever is live must have been found. */
const TOURS = 3;
const PATIENCE_MILLIS = 60_000;
/** Part of the block area beyond its end, and of a slot beyond its message, that is flipped too. */
const FREE_SHARE = 8;

/** Who came upon something rotten. */
type Finder = 'start' | 'read' | 'scrub';

/** What a run of flips came to. */
export interface FlipTotals {
  flips: number;
  readonly byZone: Record<Zone, number>;
  readonly byUse: Record<Use, number>;
  /** Flips that are live or padding, by who found their place first. */
  readonly foundBy: Record<Finder | 'refused', number>;
  /**
   * The same, of those of which nobody said a word, by zone: written over before anyone came to
   * read them, or of no use any more when the scrubber came.
   */
  readonly unsaid: Record<'overwritten' | 'released', Record<Zone, number>>;
  /** Starts that were refused because a burst took the superblock's quorum. */
  refusals: number;
  /** Live places that nobody found, as text. */
  readonly missed: string[];
}

/**
 * Flips bytes of one replica's data file and waits until it is sound again: a single one or a
 * burst, in one zone, while the replica is stopped or while it runs.
 */
export class FlipRun {
  readonly totals: FlipTotals;
  readonly #disks: DiskCluster;
  readonly #prng: Prng;
  readonly #victim: number;

  constructor(disks: DiskCluster, prng: Prng, victim: number) {
    this.#disks = disks;
    this.#prng = prng;
    this.#victim = victim;
    this.totals = {
      flips: 0,
      byZone: noneByZone(),
      byUse: { live: 0, padding: 0, free: 0 },
      foundBy: { start: 0, read: 0, scrub: 0, refused: 0 },
      unsaid: { overwritten: noneByZone(), released: noneByZone() },
      refusals: 0,
      missed: [],
    };
  }

  async flip(zone: Zone, count: number, how: 'stopped' | 'running'): Promise<void> {
    const { cluster } = this.#disks;
    await this.#disks.healthy();
    const path = cluster.path(this.#victim);
    await soundPlaces(path);
    if (how === 'stopped') await cluster.stop(this.#victim);
    const places = this.#draw(await soundPlaces(path), zone, count);
    cluster.log.length = 0;
    const flipped = new Map<number, number>();
    for (const { offset } of places) {
      flipped.set(offset, flipByte(path, offset, 1 + this.#prng.below(255)));
    }
    this.#count(places);
    if (how === 'stopped') {
      const fault = await cluster.tryStart(this.#victim);
      if (fault !== null) {
        if (!isQuorumLost(places) || fault.code !== 'data_file_damaged') {
          throw new Error(`${fault.code}: ${fault.message}`);
        }
        this.totals.refusals += 1;
        this.totals.foundBy.refused += places.length;
        await this.#recover();
        return;
      }
    } else if (zone === 'blocks' && this.#prng.chance(0.5)) {
      await this.#disks.readAllAt(this.#victim);
    }
    await this.#found(places, flipped);
    await this.#disks.healthy();
  }

  /** The way back for who is refused: a new file in place of the one that rotted. */
  async #recover(): Promise<void> {
    const { cluster } = this.#disks;
    const path = cluster.path(this.#victim);
    rmSync(path);
    // It may have led: the others must have noticed.
    await this.#disks.level();
    const { code, err } = await recoverMember(cluster, { slot: this.#victim, path });
    if (code !== 0) throw new Error(`recover: ${err}`);
    await cluster.start(this.#victim);
    await this.#disks.healthy();
  }

  /** Places of one zone: one anywhere, or many close to one another. */
  #draw(file: FilePlaces, zone: Zone, count: number): Place[] {
    const start = zoneOffset(DISK_CONFIG, zone);
    const { messageSizeMax, blockSize, walSlots } = DISK_CONFIG;
    const blocks = Math.ceil((file.blocksEnd * (FREE_SHARE + 1)) / FREE_SHARE);
    const size = zone === 'blocks' ? blocks * blockSize : (zoneSize(DISK_CONFIG, zone) ?? 0);
    const offsets = new Set<number>();
    // A burst in the superblock may take one copy or all.
    const span = zone === 'superblock' && this.#prng.chance(0.5) ? size : Math.min(size, 16_384);
    const first = this.#prng.below(size - span + 1);
    while (offsets.size < count) {
      let within = count === 1 ? this.#prng.below(size) : first + this.#prng.below(span);
      if (zone === 'wal_prepares' && !this.#prng.chance(1 / FREE_SHARE)) {
        // Most of a slot is free: what is in use stands at its beginning.
        const slot = count === 1 ? this.#prng.below(walSlots) : Math.floor(within / messageSizeMax);
        within = slot * messageSizeMax + this.#prng.below(2048);
      }
      offsets.add(start + within);
    }
    return [...offsets].map((offset) => file.at(offset));
  }

  #count(places: readonly Place[]): void {
    const { totals } = this;
    totals.flips += places.length;
    for (const { zone, use } of places) {
      totals.byZone[zone] += 1;
      totals.byUse[use] += 1;
    }
  }

  /** Waits until all that is in use has been found, or whole tours have passed it by. */
  async #found(places: readonly Place[], flipped: ReadonlyMap<number, number>): Promise<void> {
    const wanted = new Set(places.filter(({ use }) => use !== 'free'));
    if (wanted.size === 0) return;
    const tours = this.#tours() + TOURS;
    await until(
      () => {
        for (const place of wanted) {
          const finder = finderOf(this.#disks, this.#victim, place);
          if (finder === null) continue;
          this.totals.foundBy[finder] += 1;
          wanted.delete(place);
        }
        return wanted.size === 0 || this.#tours() >= tours ? true : null;
      },
      {
        within: PATIENCE_MILLIS,
        what: 'tours of the scrubber',
        explain: () => this.#disks.describe(),
      },
    );
    const path = this.#disks.cluster.path(this.#victim);
    for (const { zone, number, offset, use } of wanted) {
      const { unsaid, missed } = this.totals;
      if (byteAt(path, offset) !== flipped.get(offset)) unsaid.overwritten[zone] += 1;
      else if ((await soundPlaces(path)).at(offset).use === 'free') unsaid.released[zone] += 1;
      else missed.push(`${use} ${zone} ${number}, byte ${offset}`);
    }
  }

  #tours(): number {
    return this.#disks.cluster.replicas[this.#victim]?.status().state.scrubTours ?? 0;
  }
}

/** What a replica calls the content of a zone. */
const NAMES: Readonly<Record<Zone, readonly string[]>> = {
  superblock: ['superblock'],
  // A start sees a slot as a whole: without its header the body is in doubt.
  wal_headers: ['header', 'prepare'],
  wal_prepares: ['prepare'],
  blocks: ['block'],
};

/** By whom of a replica a place in its file was found; null when nobody has said so yet. */
export function finderOf(
  disks: DiskCluster,
  slot: number,
  { zone, number }: Pick<Place, 'zone' | 'number'>,
): Finder | null {
  for (const { replica, what, place, found } of disks.logged('corruption found')) {
    if (replica !== slot || place !== number) continue;
    if (!NAMES[zone].includes(String(what))) continue;
    if (found === 'start' || found === 'read' || found === 'scrub') return found;
  }
  return null;
}

function noneByZone(): Record<Zone, number> {
  return { superblock: 0, wal_headers: 0, wal_prepares: 0, blocks: 0 };
}

/** The places of a file, once everything in it is right: repairs may still be being written. */
export function soundPlaces(path: string): Promise<FilePlaces> {
  let problem = '';
  return until(
    () => {
      try {
        return new FilePlaces(path, DISK_CONFIG);
      } catch (error) {
        problem = String(error);
        return null;
      }
    },
    { within: PATIENCE_MILLIS, what: 'a sound data file', explain: () => problem },
  );
}

function isQuorumLost(places: readonly Place[]): boolean {
  const copies = new Set(places.filter(({ zone }) => zone === 'superblock').map((p) => p.number));
  return copies.size > SUPERBLOCK_COPIES / 2;
}

/** Returns what stands there then. */
export function flipByte(path: string, offset: number, mask: number): number {
  const flipped = byteAt(path, offset) ^ mask;
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.of(flipped), 0, 1, offset);
  fsyncSync(fd);
  closeSync(fd);
  return flipped;
}

function byteAt(path: string, offset: number): number {
  const fd = openSync(path, 'r');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, offset);
  closeSync(fd);
  return byte[0] ?? 0;
}
