import { assert, type BlockReference } from '@kimberlite/store';
import { encodeBlockList } from '../message/block-list.ts';
import type { Message } from '../message/message.ts';
import type { Replica } from './replica.ts';
import { trace } from './report.ts';
import { send } from './send.ts';
import { isReplacingState } from './sync.ts';

/** Blocks asked of a peer in one message. */
const BLOCKS_PER_REQUEST = 8;
/** Repaired blocks being written at once: checkpoints and the WAL go on beside it. */
const WRITES_MAX = 8;

/**
 * A block of the tree that this disk does not give back: while it is loaded or fetched, when
 * execution or a merge reads it, or when the scrubber comes by. It is fetched from a peer by
 * (address, checksum), which only the right bytes can match. False when that is known already.
 */
export function noteMissingBlock(r: Replica, reference: BlockReference): boolean {
  if (r.missingBlocks.get(reference.address) === reference.checksum) return false;
  // A read that began before the repair was written proves nothing; if it is as rotten after that
  // it will be found again.
  const known = r.repairingBlocks.has(reference.address);
  if (r.replicaCount > 1) {
    r.missingBlocks.set(reference.address, reference.checksum);
    r.timers.hurry('repair');
  }
  return !known;
}

/**
 * The next checkpoint is durable: blocks that it no longer has are not missed any more, for their
 * room is free, and others may soon have nothing of them. An address that both trees use has the
 * same block in both: a checkpoint takes only room that the one before it leaves free.
 */
export function dropReleasedBlocks(r: Replica): void {
  const { used } = r.forest.tree;
  for (const address of r.missingBlocks.keys()) {
    if (!used.uses(address)) r.missingBlocks.delete(address);
  }
}

/** Asks a peer for some of the missing blocks. */
export function requestMissingBlocks(r: Replica): void {
  if (r.missingBlocks.size === 0) return;
  const { budget } = r;
  const peer = budget.selectReplica(r.prng);
  if (peer === null) return;
  const wanted = [...r.missingBlocks]
    .map(([address, checksum]) => ({ address, checksum }))
    .filter(({ address }) => !budget.isInFlight(`block:${address}`));
  if (wanted.length === 0) return;
  // From a random place: in a fixed order everyone would ask for the same block of the same peer.
  const start = r.prng.below(wanted.length);
  const chosen = [...wanted.slice(start), ...wanted.slice(0, start)].slice(0, BLOCKS_PER_REQUEST);
  const first = chosen[0];
  assert(first !== undefined, 'something is asked for');
  const range = { opStart: first.address, opEnd: first.address + 1 };
  const key = `block:${first.address}`;
  budget.recordRepairSent(peer, { what: 'blocks', key, ...range }, r.tick);
  send(r, peer, 'requestBlocks', {}, encodeBlockList(chosen));
}

/** A block from a peer: written to this disk, and handed to who wants it. */
export function onBlock(r: Replica, message: Message<'block'>): void {
  const { header, body } = message;
  if (isReplacingState(r)) return;
  // Once the next checkpoint is durable this address may be free, and given to the one after it: a
  // repair still being written there would overwrite it. And while a superblock names a new
  // checkpoint, no block that it may name is being written: a crash could tear both. So none is
  // written between the sealing and the end; this one is asked for again.
  if (r.checkpointing?.sealed === true) return;
  if (r.missingBlocks.get(header.address) !== header.blockChecksum) return;
  if (r.restored && r.blockWrites >= WRITES_MAX) return;
  const reference = { address: header.address, checksum: header.blockChecksum };
  if (body.length !== r.config.blockSize || r.checksum.hash(body) !== header.blockChecksum) return;
  r.missingBlocks.delete(header.address);
  r.stuckSince = null;
  r.budget.recordRepairCompleted(`block:${header.address}`, r.tick);
  assert(r.forest.provide(reference, body) !== 'bad', 'the checksum was right');
  // It may be missed again, and come again, before its first write has ended: two writes to one
  // place must never be on their way at once.
  if (!r.repairingBlocks.has(reference.address)) {
    r.repairingBlocks.add(reference.address);
    r.blockWrites += 1;
    r.out.push({ kind: 'write_blocks', address: reference.address, bytes: body });
  }
  trace(r, { kind: 'repaired', what: 'block', op: null });
  if (r.missingBlocks.size > 0) r.timers.hurry('repair');
}
