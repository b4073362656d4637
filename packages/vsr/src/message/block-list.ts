import {
  ADDRESS_MAX,
  type BlockReference,
  readU64,
  readU128,
  writeU64,
  writeU128,
} from '@kimberlite/store';
import { Checksum } from '../std/numbers.ts';

/** Bytes of one reference on the wire: address (8), checksum (16), zeros. */
export const BLOCK_REFERENCE_SIZE = 32;
const OFFSET_CHECKSUM = 8;

/** The body of a request_blocks. */
export function encodeBlockList(references: readonly BlockReference[]): Uint8Array {
  const body = new Uint8Array(references.length * BLOCK_REFERENCE_SIZE);
  const view = new DataView(body.buffer);
  references.forEach(({ address, checksum }, index) => {
    writeU64(view, index * BLOCK_REFERENCE_SIZE, address);
    writeU128(view, index * BLOCK_REFERENCE_SIZE + OFFSET_CHECKSUM, checksum);
  });
  return body;
}

/** Blocks that a peer asks for; an address that no disk can have is left out. */
export function decodeBlockList(body: Uint8Array): BlockReference[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const references: BlockReference[] = [];
  for (let at = 0; at + BLOCK_REFERENCE_SIZE <= body.length; at += BLOCK_REFERENCE_SIZE) {
    const address = readU64(view, at);
    if (!(address >= 1 && address <= ADDRESS_MAX)) continue;
    references.push({ address, checksum: Checksum(readU128(view, at + OFFSET_CHECKSUM)) });
  }
  return references;
}
