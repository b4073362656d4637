import { type BlockFormat, BlockKind, type BlockPlace, REFERENCE_SIZE } from '../block.ts';
import type { BlockReference } from '../forest-types.ts';
import { type ForestRoot, manifestLevels, rootEncode } from '../manifest.ts';
import { metadataDecode } from './metadata.ts';
import { referenceAt, referenceBytes } from './reference.ts';
import { walkUnverified } from './restore-walk.ts';
import type { BlockSource } from './run.ts';
import type { Tree } from './tree.ts';
import type { VerifiedBlocks } from './verified-blocks.ts';

/** Blocks of the metadata asked for at once. */
const WINDOW = 32;

/** Where the blocks of metadata are found too; null as for pages. */
export interface PayloadSource extends BlockSource {
  payload(holder: Uint8Array, at: number, place: BlockPlace): Uint8Array | null;
}

export interface RestoreOptions {
  readonly format: BlockFormat;
  readonly source: PayloadSource;
  /** Ids of the tables that there may be. */
  readonly tables: Pick<ReadonlySet<number>, 'has'>;
  readonly root: ForestRoot;
  /**
   * Every block of the tree is read that is not among these; null: only the metadata is.
   */
  readonly verified: VerifiedBlocks | null;
}

/** Yields while blocks are wanted, and is told the address of each that came. */
export type Restore = Generator<undefined, Tree | null, number>;

/** Reads a tree from its root. Null when there is none. */
export function* restoreTree(options: RestoreOptions): Restore {
  const { format, source, root } = options;
  const counts = manifestLevels(root.manifestSize, format.blockSize);
  let names = referenceBytes(root.top);
  const levels: BlockReference[][] = [];
  for (let level = counts.length - 1; level >= 0; level -= 1) {
    const count = counts[level] ?? 0;
    const references: BlockReference[] = [];
    for (let at = 0; at < names.length; at += REFERENCE_SIZE) {
      references.push(referenceAt(names, at));
    }
    if (references.length !== count) return null;
    levels.push(references);
    const below = counts[level - 1];
    const size = below === undefined ? root.manifestSize : below * REFERENCE_SIZE;
    const bytes = yield* readStream(options, names, level);
    if (bytes.length !== size) return null;
    names = bytes;
  }
  const decoded = metadataDecode(names, { tables: options.tables, blockSize: format.blockSize });
  if (decoded === null) return null;
  const { tables, used, horizon } = decoded;
  const metadata = levels.reverse().flat();
  for (const { address } of metadata) if (!used.take(address)) return null;
  if (used.used !== root.blockCount) return null;
  const { verified } = options;
  if (verified !== null && !(yield* walkUnverified(tables, source, verified))) return null;
  return { root: rootEncode(root, format.blockSize), tables, used, metadata, horizon };
}

/** The stream in the blocks with these names. */
function* readStream(
  options: RestoreOptions,
  names: Uint8Array,
  level: number,
): Generator<undefined, Uint8Array, number> {
  const { source } = options;
  const parts: Uint8Array[] = [];
  let size = 0;
  const count = names.length / REFERENCE_SIZE;
  const place = (index: number): BlockPlace => ({ kind: BlockKind.manifest, owner: level, index });
  for (let index = 0; index < count; index += 1) {
    if (index % WINDOW === 0) {
      const end = Math.min(count, index + WINDOW);
      for (let at = index; at < end; at += 1) source.payload(names, at * REFERENCE_SIZE, place(at));
    }
    let payload = source.payload(names, index * REFERENCE_SIZE, place(index));
    while (payload === null) {
      yield;
      payload = source.payload(names, index * REFERENCE_SIZE, place(index));
    }
    parts.push(payload);
    size += payload.length;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
