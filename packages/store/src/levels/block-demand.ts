import { type BlockPlace, blockPayload } from '../block.ts';
import type { BlockReference } from '../forest-types.ts';
import { present } from '../std/assert.ts';
import type { ChecksumFunction } from '../std/checksum.ts';
import type { BlockCache } from './block-cache.ts';
import type { BlockHold } from './block-hold.ts';
import { isPage, type PagePlace } from './page.ts';
import { addressAt, referenceAt, referenceBytes, referenceEquals } from './reference.ts';
import { isLeafAlone } from './restore-walk.ts';
import type { BlockSource } from './run.ts';
import { type VerifiedAs, VerifiedBlocks } from './verified-blocks.ts';

/**
 * What became of a block that was handed in. `bad`: the bytes are not those that its name says; it
 * is still wanted. `unwanted`: nobody asks for it, and it was not kept.
 */
export type ProvideResult = 'accepted' | 'bad' | 'unwanted';

interface Wanted {
  readonly name: Uint8Array;
  readonly reference: BlockReference;
  /** Whether the bytes, whose checksum is right, are of the kind that the reader expects. */
  readonly isSound: (bytes: Uint8Array) => boolean;
  /** As what a restore may remember it, when it names no other block. */
  readonly as: VerifiedAs | null;
  /** With whom it stays when it comes. */
  readonly holds: Set<BlockHold>;
  /** How many of them have no privilege. */
  limited: number;
  /** Someone without a hold wants it: a checkpoint or a restore. */
  awaited: boolean;
  /** Stands among those that are read first. */
  urgent: boolean;
  /** `take` has named it. */
  named: boolean;
}

/** Forgotten names among those that wait for `take`, at most, beside as many as are wanted. */
const FORGOTTEN_MAX = 64;

/**
 * Reads blocks from the cache, and remembers what was not there: readers try again when it has been
 * provided. Nothing is asked for twice. What a privileged hold, a checkpoint or a restore wants is
 * named before what others want: execution does not wait for any number of queries.
 */
export class BlockDemand implements BlockSource {
  private readonly cache: BlockCache;
  private readonly checksum: ChecksumFunction;
  private readonly blockSize: number;
  /** By address. */
  private readonly wanted: Map<number, Wanted> = new Map();
  /** Moves when a wanted block came, and when all that was wanted is forgotten. */
  version = 0;
  /**
   * Wanted blocks that `take` has not named yet, in the order in which they were missed, those that
   * are urgent apart; some were forgotten since.
   */
  private ordinary: Wanted[] = [];
  private urgent: Wanted[] = [];
  private forgotten = 0;
  /** Wanted blocks that holds wait for, and those that one without a privilege waits for. */
  private wantedByHolds = 0;
  private wantedLimited = 0;
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
    const references: BlockReference[] = [];
    while (references.length < limit) {
      const wanted = this.urgent.shift() ?? this.ordinary.shift();
      if (wanted === undefined) break;
      if (wanted.named || this.wanted.get(wanted.reference.address) !== wanted) continue;
      wanted.named = true;
      references.push(wanted.reference);
    }
    if (this.urgent.length + this.ordinary.length === 0) this.forgotten = 0;
    return references;
  }

  /** Whether a reader waits for just this block. */
  wants({ address, checksum }: BlockReference): boolean {
    return this.wanted.get(address)?.reference.checksum === checksum;
  }

  /** Blocks that are wanted, named or not. */
  get size(): number {
    return this.wanted.size;
  }

  /** Blocks that holds keep or wait for, each counted once. */
  get claimed(): number {
    return this.cache.held + this.wantedByHolds;
  }

  /** The same of holds without a privilege. */
  get limited(): number {
    return this.cache.limited + this.wantedLimited;
  }

  /** What the hold keeps and waits for counts for no limit any more. */
  privilege(hold: BlockHold): void {
    if (hold.privileged) return;
    this.cache.unlimit(hold);
    this.unlimit(hold);
    hold.privileged = true;
  }

  private unlimit(hold: BlockHold): void {
    for (const address of hold.missing) {
      const wanted = this.wantedAt(address);
      wanted.limited -= 1;
      if (wanted.limited === 0) this.wantedLimited -= 1;
    }
  }

  private wantedAt(address: number): Wanted {
    return present(this.wanted.get(address), 'what a hold waits for is wanted');
  }

  /** The hold keeps nothing and waits for nothing any more. */
  release(hold: BlockHold): void {
    if (!hold.privileged) this.unlimit(hold);
    for (const address of hold.missing) {
      const wanted = this.wantedAt(address);
      wanted.holds.delete(hold);
      if (wanted.holds.size > 0) continue;
      this.wantedByHolds -= 1;
      // What is being read comes all the same, and must find that it was wanted.
      if (!wanted.named && !wanted.awaited) this.forget(wanted);
    }
    hold.missing.clear();
    this.cache.release(hold);
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
    this.version += 1;
    this.cache.add(reference, bytes.slice(), { awaited: wanted.awaited, holds: wanted.holds });
    this.forget(wanted);
    return 'accepted';
  }

  /** A block was written: whoever wanted it has it. */
  written(reference: BlockReference, bytes: Uint8Array): void {
    const wanted = this.wanted.get(reference.address);
    this.verified.forget(reference.address);
    if (wanted !== undefined) this.version += 1;
    const isSame = wanted?.reference.checksum === reference.checksum;
    this.cache.add(reference, bytes, { awaited: false, holds: isSame ? wanted.holds : [] });
    if (wanted !== undefined) this.forget(wanted);
  }

  /** Nobody wants anything any more: whoever still does will miss it again. */
  clear(): void {
    this.version += 1;
    this.ordinary = [];
    this.urgent = [];
    for (const wanted of [...this.wanted.values()]) this.forget(wanted);
    this.forgotten = 0;
    this.cache.forgetAwaited();
  }

  private want(
    holder: Uint8Array,
    at: number,
    expected: Pick<Wanted, 'isSound' | 'as'>,
  ): Uint8Array | null {
    const known = this.wanted.get(addressAt(holder, at));
    if (known !== undefined) {
      if (referenceEquals(known.name, holder, at)) {
        this.wantFor(known);
        return null;
      }
      this.forget(known); // Of a tree that is gone.
    }
    const reference = referenceAt(holder, at);
    const wanted: Wanted = {
      name: referenceBytes(reference),
      reference,
      ...expected,
      holds: new Set(),
      limited: 0,
      awaited: false,
      urgent: false,
      named: false,
    };
    this.wanted.set(reference.address, wanted);
    this.wantFor(wanted);
    if (!wanted.urgent) this.ordinary.push(wanted);
    return null;
  }

  /** Whoever looks at present wants it. */
  private wantFor(wanted: Wanted): void {
    const hold = this.cache.holder;
    if (hold === null) wanted.awaited = true;
    else if (!wanted.holds.has(hold)) {
      if (wanted.holds.size === 0) this.wantedByHolds += 1;
      wanted.holds.add(hold);
      if (!hold.privileged) {
        if (wanted.limited === 0) this.wantedLimited += 1;
        wanted.limited += 1;
      }
      hold.missing.add(wanted.reference.address);
    }
    const urgent = hold === null || hold.privileged;
    if (!urgent || wanted.urgent || wanted.named) return;
    wanted.urgent = true;
    this.urgent.push(wanted);
  }

  private note({ name, as }: Wanted, bytes: Uint8Array): void {
    if (!this.verifying || as === null) return;
    if (as === 'value' || isLeafAlone(bytes)) this.verified.add(name, 0, as);
  }

  private forget(wanted: Wanted): void {
    const { address } = wanted.reference;
    this.wanted.delete(address);
    if (wanted.holds.size > 0) this.wantedByHolds -= 1;
    if (wanted.limited > 0) this.wantedLimited -= 1;
    for (const hold of wanted.holds) hold.missing.delete(address);
    wanted.holds.clear();
    if (wanted.named) return;
    this.forgotten += 1;
    if (this.forgotten <= this.wanted.size + FORGOTTEN_MAX) return;
    const isWanted = (each: Wanted): boolean => this.wanted.get(each.reference.address) === each;
    this.ordinary = this.ordinary.filter(isWanted);
    this.urgent = this.urgent.filter(isWanted);
    this.forgotten = 0;
  }
}
