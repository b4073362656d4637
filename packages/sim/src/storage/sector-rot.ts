import { type Prng, SECTOR_SIZE } from '@kimberlite/vsr';
import { bitOfChecksum, type SectorPlace } from './checksum-fields.ts';
import type { Damage } from './sector-memory.ts';

/** What is wrong with a sector that goes bad. */
export interface SectorRot {
  readonly damage: Damage;
  /** It is a checksum itself that is wrong. */
  readonly ofChecksum: boolean;
}

/** The device refuses it, or a bit is wrong: in this share one of a checksum, if there is one. */
export function drawRot(prng: Prng, place: SectorPlace, rotChecksums: number): SectorRot {
  const chosen = rotChecksums > 0 && prng.chance(rotChecksums);
  const wrong = chosen ? bitOfChecksum(prng, place) : null;
  if (wrong !== null) return { damage: { kind: 'flip', bit: wrong }, ofChecksum: true };
  const error = prng.chance(0.2);
  // Half of the flips hit a header for sure: most of a sector is padding.
  const bits = (prng.chance(0.5) ? SECTOR_SIZE / 16 : SECTOR_SIZE) * 8;
  const damage: Damage = error ? { kind: 'error' } : { kind: 'flip', bit: prng.below(bits) };
  return { damage, ofChecksum: false };
}
