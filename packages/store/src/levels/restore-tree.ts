import { type BlockFormat, BlockKind, type BlockPlace, REFERENCE_SIZE } from '../block.ts';
import type { BlockReference } from '../forest-types.ts';
import { type ForestRoot, manifestLevels, rootEncode } from '../manifest.ts';
import { metadataDecode } from './metadata.ts';
import { referenceAt, referenceBytes } from './reference.ts';
import type { BlockSource } from './run.ts';
import type { Tree } from './tree.ts';
import { walkTables } from './tree-walk.ts';

/** Blocks asked for at once. */
const WINDOW = 32;

/** Where the blocks of metadata are found too; null as for pages. */
export interface PayloadSource extends BlockSource {
  payload(holder: Uint8Array, at: number, place: BlockPlace): Uint8Array | null;
}

export interface RestoreOptions {
  readonly format: BlockFormat;
  readonly source: PayloadSource;
  /** Ids of the tables that there may be. */
  readonly tables: ReadonlySet<number>;
  readonly root: ForestRoot;
  /** Read every block of the tree, not only its metadata. */
  readonly whole: boolean;
}

/** Reads a tree from its root; yields while blocks are wanted. Null when there is none. */
export function* restoreTree(options: RestoreOptions): Generator<undefined, Tree | null> {
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
  if (options.whole) {
    for (const step of walkTables(tables, source, WINDOW)) if (step === 'wanted') yield;
  }
  return { root: rootEncode(root, format.blockSize), tables, used, metadata, horizon };
}

/** The stream in the blocks with these names. */
function* readStream(
  options: RestoreOptions,
  names: Uint8Array,
  level: number,
): Generator<undefined, Uint8Array> {
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
