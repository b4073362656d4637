import { expect } from 'vitest';
import { mix128 } from '../../std/checksum.ts';
import { BlockCache } from '../block-cache.ts';
import { BlockDemand } from '../block-demand.ts';
import { walkTables } from '../tree-walk.ts';
import { BLOCK_SIZE, type LeveledHost } from './leveled-disk.ts';

/** The blocks of the durable tree, found by walking it on the disk, are those marked as in use. */
export function expectAccounted(host: LeveledHost): void {
  const { tree } = host.forest;
  const options = { checksum: mix128, blockSize: BLOCK_SIZE };
  const demand = new BlockDemand(new BlockCache(64 * BLOCK_SIZE, BLOCK_SIZE), options);
  const seen = new Set<number>(tree.metadata.map(({ address }) => address));
  expect(seen.size).toBe(tree.metadata.length);
  for (const step of walkTables(tree.tables, demand)) {
    if (step === 'wanted') {
      for (const reference of demand.take(8)) {
        expect(demand.provide(reference, host.disk.read(reference))).toBe('accepted');
      }
      continue;
    }
    expect(seen.has(step)).toBe(false);
    expect(tree.used.uses(step)).toBe(true);
    seen.add(step);
  }
  for (const { address } of tree.metadata) expect(tree.used.uses(address)).toBe(true);
  expect(seen.size).toBe(tree.used.used);
}
