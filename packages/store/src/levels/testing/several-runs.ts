import { type ChecksumFunction, mix128 } from '../../std/checksum.ts';
import { bytesOf } from '../../testing/operations.ts';
import { LeveledHost, leveledForest } from './leveled-disk.ts';

/** A host whose tree has several runs, a merge in progress, large values, and metadata levels. */
export function severalRuns(checksum: ChecksumFunction = mix128, keys = 120): LeveledHost {
  const host = new LeveledHost(leveledForest({ checksum, cacheBlocks: 100 }));
  for (let round = 0; round < 5; round += 1) {
    for (let n = 0; n < keys; n += 1) {
      host.forest.table(1).put(bytesOf(`key ${n}`), bytesOf(`value ${n} ${round}`));
      host.forest.table(3).merge(bytesOf(`key ${n * 5 + round}`), bytesOf('first'));
    }
    host.forest.table(1).put(bytesOf('large'), new Uint8Array(400).fill(round));
    host.checkpoint();
  }
  return host;
}
