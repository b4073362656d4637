import { type BlockPlace, blockPayload } from '../block.ts';
import type { BlockReference } from '../forest-types.ts';
import type { ChecksumFunction } from '../std/checksum.ts';
import type { BlockCache } from './block-cache.ts';
import { isPage, type PagePlace } from './page.ts';
import { addressAt, referenceAt, referenceBytes, referenceEquals } from './reference.ts';
import { isLeafAlone } from './restore-walk.ts';
import type { BlockSource } from './run.ts';
import { type VerifiedAs, VerifiedBlocks } from './verified-blocks.ts';

export type ProvideResult = 'accepted' | 'bad' | 'unwanted';

interface Wanted {
  readonly name: Uint8Array;
  readonly reference: BlockReference;
  /** Whether the bytes, whose checksum is right, are of the kind that the reader expects. */
  readonly isSound: (bytes: Uint8Array) => boolean;
  /** As what a restore may remember it, when it names no other block. */
  readonly as: VerifiedAs | null;
}

/**
 * Reads blocks from the cache, and remembers what was not there: readers try again when it has been
 * provided. Nothing is asked for twice.
 */
export class BlockDemand implements BlockSource {
  private readonly cache: BlockCache;
  private readonly checksum: ChecksumFunction;
  private readonly blockSize: number;
  /** By address. */
  private readonly wanted: Map<number, Wanted> = new Map();
  /** Moves when a wanted block came, and when all that was wanted is forgotten. */
  version = 0;
  /** Wanted blocks that `take` has not named yet, in the order in which they were missed. */
  private unnamed: Wanted[] = [];
  /** What restores have seen. Kept over the next restore: most of it is in that tree too. */
  readonly verified: VerifiedBlocks = new VerifiedBlocks();
  /** Whether what comes is part of a restore of a whole tree. */
  verifying = false;

  constructor(
    cache: BlockCache,
    options: { readonly checksum: ChecksumFunction; readonly blockSize: number },
  ) {
    this.cache = cache;
    this.checksum = options.checksum;
    this.blockSize = options.blockSize;
  }

  page(holder: Uint8Array, at: number, place: PagePlace): Uint8Array | null {
    const as = place.level === 0 ? { leafOf: place.table } : null;
    const isSound = (bytes: Uint8Array): boolean => isPage(bytes, place);
    return this.cache.find(holder, at) ?? this.want(holder, at, { isSound, as });
  }

  raw(holder: Uint8Array, at: number): Uint8Array | null {
    const isSound = (): boolean => true;
    return this.cache.find(holder, at) ?? this.want(holder, at, { isSound, as: 'value' });
  }

  /** The payload of a block that is part of a stream. */
  payload(holder: Uint8Array, at: number, place: BlockPlace): Uint8Array | null {
    const bytes = this.cache.find(holder, at);
    if (bytes !== null) return blockPayload(bytes, place);
    const isSound = (block: Uint8Array): boolean => blockPayload(block, place) !== null;
    return this.want(holder, at, { isSound, as: null });
  }

  /** Wanted blocks that no earlier call has named, at most `limit`, longest wanted first. */
  take(limit: number): BlockReference[] {
    const named = this.unnamed.slice(0, limit);
    this.unnamed = this.unnamed.slice(limit);
    return named.map(({ reference }) => reference);
  }

  /** Whether a reader waits for just this block. */
  wants({ address, checksum }: BlockReference): boolean {
    return this.wanted.get(address)?.reference.checksum === checksum;
  }

  /** Blocks that are wanted, named or not. */
  get size(): number {
    return this.wanted.size;
  }

  /**
   * The bytes of a wanted block, null when they can't be read; they are copied. 'bad' when they
   * are not what was wanted: the block stays missing, is not named again, and may be provided
   * once more with other bytes.
   */
  provide(reference: BlockReference, bytes: Uint8Array | null): ProvideResult {
    const wanted = this.wanted.get(reference.address);
    if (wanted === undefined || wanted.reference.checksum !== reference.checksum) return 'unwanted';
    // What was seen here before is not there, or is about to be written over.
    this.verified.forget(reference.address);
    if (bytes?.length !== this.blockSize) return 'bad';
    if (this.checksum.hash(bytes) !== reference.checksum || !wanted.isSound(bytes)) return 'bad';
    this.note(wanted, bytes);
    this.forget(wanted);
    this.version += 1;
    this.cache.add(reference, bytes.slice(), { awaited: true });
    return 'accepted';
  }

  /** A block was written: whoever wanted it has it. */
  written(reference: BlockReference, bytes: Uint8Array): void {
    const wanted = this.wanted.get(reference.address);
    this.verified.forget(reference.address);
    if (wanted !== undefined) {
      this.forget(wanted);
      this.version += 1;
    }
    this.cache.add(reference, bytes, { awaited: false });
  }

  /** Nobody wants anything any more: whoever still does will miss it again. */
  clear(): void {
    this.version += 1;
    this.wanted.clear();
    this.unnamed = [];
    this.cache.forgetAwaited();
  }

  private want(
    holder: Uint8Array,
    at: number,
    expected: Pick<Wanted, 'isSound' | 'as'>,
  ): Uint8Array | null {
    const known = this.wanted.get(addressAt(holder, at));
    if (known !== undefined) {
      if (referenceEquals(known.name, holder, at)) return null;
      this.forget(known); // Of a tree that is gone.
    }
    const reference = referenceAt(holder, at);
    const wanted = { name: referenceBytes(reference), reference, ...expected };
    this.wanted.set(reference.address, wanted);
    this.unnamed.push(wanted);
    return null;
  }

  private note({ name, as }: Wanted, bytes: Uint8Array): void {
    if (!this.verifying || as === null) return;
    if (as === 'value' || isLeafAlone(bytes)) this.verified.add(name, 0, as);
  }

  private forget(wanted: Wanted): void {
    this.wanted.delete(wanted.reference.address);
    const index = this.unnamed.indexOf(wanted);
    if (index >= 0) this.unnamed.splice(index, 1);
  }
}
