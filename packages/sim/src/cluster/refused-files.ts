import type { Totals } from '../run/totals.ts';

/**
 * Counts a replica that ends because its peers refuse its file, as they must: it was formatted in
 * the place of a lost one, or is an older copy of itself. False where it must not have ended.
 */
export function countRefusedFile(
  files: {
    readonly lostDisks: ReadonlySet<number>;
    readonly oldFiles: ReadonlySet<number>;
    readonly totals: Totals;
  },
  slot: number,
  reason: string,
): boolean {
  const { lostDisks, oldFiles, totals } = files;
  const isLost = lostDisks.has(slot) && reason === 'other_incarnation';
  const isOld = oldFiles.has(slot) && reason === 'rolled_back';
  if (isLost) totals.strangersRefused += 1;
  if (isOld) totals.oldFilesRefused += 1;
  return isLost || isOld;
}
