import { REFERENCE_SIZE } from '../block.ts';
import { assert } from '../std/assert.ts';
import { addressAt, readU32, writeU32 } from './reference.ts';

/** Of a reference: where its checksum begins, and how long that is. */
const CHECKSUM_OFFSET = 8;
const CHECKSUM_SIZE: number = REFERENCE_SIZE - CHECKSUM_OFFSET;
/** An entry: the checksum, and as what the block was verified, u32; 0 for no entry. */
const ENTRY_SIZE: number = CHECKSUM_SIZE + 4;
const ENTRIES_PER_CHUNK = 4096;

/** As what a block was verified: a block of a value, or a leaf of a table. */
export type VerifiedAs = 'value' | { readonly leafOf: number };

/**
 * Blocks that are known to stand on this disk, by their names, over several restores of one
 * process: a target that is overtaken while it is fetched shares most blocks with the next one.
 *
 * Only blocks that name no others are remembered. That an index page stands says nothing of what is
 * below it, and a note that all below it stands could outlive its truth: when a child's room is
 * given to another block and the page itself comes back with a later tree, the same bytes at the
 * same place. So index pages are read again, one block in some hundreds.
 *
 * 20 bytes a block, in chunks by address.
 */
export class VerifiedBlocks {
  private readonly chunks: Map<number, Uint8Array> = new Map();

  has(holder: Uint8Array, at: number, as: VerifiedAs): boolean {
    const address = addressAt(holder, at);
    const chunk = this.chunks.get(Math.floor(address / ENTRIES_PER_CHUNK));
    if (chunk === undefined) return false;
    const entry = (address % ENTRIES_PER_CHUNK) * ENTRY_SIZE;
    if (readU32(chunk, entry + CHECKSUM_SIZE) !== codeOf(as)) return false;
    for (let byte = 0; byte < CHECKSUM_SIZE; byte += 1) {
      if (chunk[entry + byte] !== holder[at + CHECKSUM_OFFSET + byte]) return false;
    }
    return true;
  }

  /** The bytes behind this name were seen; they replace what stood at their address. */
  add(holder: Uint8Array, at: number, as: VerifiedAs): void {
    const address = addressAt(holder, at);
    const index = Math.floor(address / ENTRIES_PER_CHUNK);
    let chunk = this.chunks.get(index);
    if (chunk === undefined) {
      chunk = new Uint8Array(ENTRIES_PER_CHUNK * ENTRY_SIZE);
      this.chunks.set(index, chunk);
    }
    const entry = (address % ENTRIES_PER_CHUNK) * ENTRY_SIZE;
    chunk.set(holder.subarray(at + CHECKSUM_OFFSET, at + REFERENCE_SIZE), entry);
    writeU32(chunk, entry + CHECKSUM_SIZE, codeOf(as));
  }

  /** Other bytes are being written at this address. */
  forget(address: number): void {
    const chunk = this.chunks.get(Math.floor(address / ENTRIES_PER_CHUNK));
    if (chunk === undefined) return;
    writeU32(chunk, (address % ENTRIES_PER_CHUNK) * ENTRY_SIZE + CHECKSUM_SIZE, 0);
  }

  /** Something that was written here is not there any more: nothing is taken for granted now. */
  clear(): void {
    this.chunks.clear();
  }
}

function codeOf(as: VerifiedAs): number {
  if (as === 'value') return 1;
  assert(as.leafOf < 0xffff_fffe, 'a table id leaves room for the others');
  return as.leafOf + 2;
}
