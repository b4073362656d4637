import {
  type ClusterConfig,
  HEADER_SIZE,
  HEADERS_PER_SECTOR,
  type Prng,
  SECTOR_SIZE,
} from '@kimberlite/vsr';
import type { FaultGate } from '../faults/fault-gate.ts';
import type { FaultAtlas } from './fault-atlas.ts';
import type { Damage, SectorMemory } from './sector-memory.ts';

export interface HeadDisk {
  readonly slot: number;
  readonly config: ClusterConfig;
  readonly atlas: FaultAtlas;
  readonly headers: SectorMemory;
  readonly prepares: SectorMemory;
  /** Asked about each fault that was drawn; null lets all happen. */
  readonly faults: FaultGate | null;
}

/** Bodies that go at most, when their redundant headers stay. */
const BODIES_MAX = 3;

/**
 * The end of a log rots at the worst of places: the body of its last op together with the redundant
 * header, so that nothing on the disk tells of an op that was acknowledged; or only the bodies of
 * the last few. Where the atlas protects a place nothing happens, so a quorum still holds what is
 * hidden here. Two faults that strike at random almost never meet in the last slot.
 *
 * `walSlots` are those of the ops whose both parts are on disk, from the highest op down. Returns
 * how many ops were hidden.
 */
export function hideHead(disk: HeadDisk, walSlots: readonly number[], prng: Prng): number {
  const whole = prng.chance(0.7);
  const count = whole ? 1 : prng.between(1, BODIES_MAX);
  let hidden = 0;
  for (const walSlot of walSlots.slice(0, count)) {
    const body = drawDamage(prng, 0);
    const header = drawDamage(prng, (walSlot % HEADERS_PER_SECTOR) * HEADER_SIZE);
    // What stays readable above tells of all below.
    if (!mayHide(disk, walSlot, whole)) return hidden;
    if (disk.faults?.allow('head_fault', disk.slot, walSlot) === false) return hidden;
    const first = (walSlot * disk.config.messageSizeMax) / SECTOR_SIZE;
    if (!disk.prepares.isDamaged(first)) disk.prepares.damage(first, body);
    const sector = Math.floor(walSlot / HEADERS_PER_SECTOR);
    if (whole && !disk.headers.isDamaged(sector)) disk.headers.damage(sector, header);
    hidden += 1;
  }
  return hidden;
}

function mayHide({ atlas, slot }: HeadDisk, walSlot: number, whole: boolean): boolean {
  if (!atlas.prepareMayRot(slot, walSlot)) return false;
  return !whole || atlas.headersMayRot(slot, Math.floor(walSlot / HEADERS_PER_SECTOR));
}

/** One bit of the header that begins at this byte of its sector. */
function drawDamage(prng: Prng, offset: number): Damage {
  return { kind: 'flip', bit: offset * 8 + prng.below(HEADER_SIZE * 8) };
}
