import { assert, type BlockReference } from '@kimberlite/store';
import type { Message } from '../message/message.ts';
import type { Replica } from './replica.ts';
import { trace } from './send.ts';

/** Repaired blocks being written at once: checkpoints and the WAL go on beside it. */
const WRITES_MAX = 8;

/**
 * A block of the durable checkpoint that this disk does not give back, found while the replica
 * works: it is fetched from a peer by (address, checksum), which only the right bytes can match.
 * False when it is no block of the durable checkpoint any more, or is known already.
 */
export function noteRottenBlock(r: Replica, reference: BlockReference): boolean {
  if (!r.restored || !r.forest.holds(reference)) return false;
  if (r.missingBlocks.get(reference.address) === reference.checksum) return false;
  // A read that began before the repair was written proves nothing, and two writes to one place
  // must never be on their way at once.
  if (r.repairingBlocks.has(reference.address)) return false;
  if (r.replicaCount > 1) {
    r.missingBlocks.set(reference.address, reference.checksum);
    r.timers.hurry('repair');
  }
  return true;
}

/** Forgets the rot of blocks that the durable checkpoint no longer has: their room is free. */
export function dropReleasedBlocks(r: Replica): void {
  for (const [address, checksum] of r.missingBlocks) {
    if (!r.forest.holds({ address, checksum })) r.missingBlocks.delete(address);
  }
}

/** A block from a peer, while this replica works: written over what rotted. */
export function repairBlock(r: Replica, message: Message<'block'>): void {
  const { header, body } = message;
  const reference = { address: header.address, checksum: header.blockChecksum };
  assert(r.restored, 'before that the checkpoint is being loaded');
  if (r.missingBlocks.get(reference.address) !== reference.checksum) return;
  if (body.length !== r.config.blockSize || r.checksum.hash(body) !== reference.checksum) return;
  if (!r.forest.holds(reference)) {
    r.missingBlocks.delete(reference.address);
    return;
  }
  r.budget.recordRepairCompleted(`block:${reference.address}`, r.tick);
  // Once the next checkpoint is durable this address may be free, and given to the one after it:
  // a repair still being written there would overwrite it. A checkpoint is not sealed while a
  // block is being written (checkpoint.ts), and after it is, nothing is repaired until it is done.
  if (r.checkpointing?.sealed === true || r.blockWrites >= WRITES_MAX) return;
  r.missingBlocks.delete(reference.address);
  r.repairingBlocks.add(reference.address);
  r.blockWrites += 1;
  r.out.push({ kind: 'write_blocks', address: reference.address, bytes: body });
  trace(r, { kind: 'repaired', what: 'block', op: null });
  if (r.missingBlocks.size > 0) r.timers.hurry('repair');
}
