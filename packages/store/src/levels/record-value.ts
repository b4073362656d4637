import { REFERENCE_SIZE } from '../block.ts';
import { assert } from '../std/assert.ts';
import { OUTLINE_REFERENCES, outlineSize, recordIsOutline, recordPart } from './page.ts';
import type { BlockSource } from './run.ts';

/** The value of the record at `at`; null while blocks of it are not in memory: all are wanted. */
export function recordValue(page: Uint8Array, at: number, source: BlockSource): Uint8Array | null {
  const part = recordPart(page, at);
  if (!recordIsOutline(page, at)) return part;
  const value = new Uint8Array(outlineSize(part));
  let whole = true;
  let filled = 0;
  for (let name = OUTLINE_REFERENCES; name < part.length; name += REFERENCE_SIZE) {
    const block = source.raw(part, name);
    if (block === null) {
      whole = false;
      continue;
    }
    const size = Math.min(block.length, value.length - filled);
    value.set(size === block.length ? block : block.subarray(0, size), filled);
    filled += size;
  }
  return whole ? value : null;
}

/** Whether every block of that value is in memory; all that are not are wanted. */
export function recordReady(page: Uint8Array, at: number, source: BlockSource): boolean {
  if (!recordIsOutline(page, at)) return true;
  const part = recordPart(page, at);
  let ready = true;
  for (let name = OUTLINE_REFERENCES; name < part.length; name += REFERENCE_SIZE) {
    if (source.raw(part, name) === null) ready = false;
  }
  return ready;
}

/**
 * At least the first `size` bytes of that value, or all when it has fewer; null while the block
 * that has them is not in memory: it is wanted.
 */
export function recordHead(
  page: Uint8Array,
  at: number,
  { size, source }: { readonly size: number; readonly source: BlockSource },
): Uint8Array | null {
  const part = recordPart(page, at);
  if (!recordIsOutline(page, at)) return part;
  const block = source.raw(part, OUTLINE_REFERENCES);
  assert(block === null || block.length >= size, 'a head lies in one block');
  return block === null ? null : block.subarray(0, Math.min(block.length, outlineSize(part)));
}
