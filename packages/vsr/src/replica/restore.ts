import { assert } from '@kimberlite/store';
import { decodeBlockList, encodeBlockList } from '../message/block-list.ts';
import type { Message } from '../message/message.ts';
import { acknowledgeAll } from './acknowledge.ts';
import { noteRottenBlock, repairBlock } from './block-repair.ts';
import type { ReplicaEvent } from './effect.ts';
import { adoptFiles } from './members.ts';
import type { Replica } from './replica.ts';
import { fatal, SERVING_MAX, send, trace } from './send.ts';

/** Blocks read from this disk at once while loading. */
const READS_MAX = 8;
/** Blocks asked of a peer in one message. */
const BLOCKS_PER_REQUEST = 8;

/**
 * Loads the checkpoint that the superblock names: at start, and after the superblock was moved to a
 * peer's checkpoint. Both are one path: each block is read from this disk, and what is missing or
 * rotten is fetched from a peer by (address, checksum), which only the right bytes can match.
 */
export function beginRestore(r: Replica): void {
  r.restored = false;
  r.restorePending = false;
  r.missingBlocks.clear();
  r.forest.beginRestore(r.checkpoint.forestRoot);
  continueRestore(r);
}

export function continueRestore(r: Replica): void {
  if (r.restored || r.restorePending || r.pendingSync !== null) return;
  if (r.restoreReads < READS_MAX) {
    for (const reference of r.forest.takeWanted(READS_MAX - r.restoreReads)) {
      r.restoreReads += 1;
      r.out.push({ kind: 'read_block', reference, serveTo: null });
    }
  }
  if (r.forest.restored && r.blockWrites === 0 && r.restoreReads === 0) finishRestore(r);
}

function finishRestore(r: Replica): void {
  assert(r.missingBlocks.size === 0, 'nothing is missing');
  r.restored = true;
  r.sessions.load();
  adoptFiles(r);
  if (r.syncTarget !== null) {
    r.syncTarget = null;
    trace(r, { kind: 'sync_finished', op: r.checkpoint.op });
  }
  acknowledgeAll(r);
}

/** A block was read from this disk: for loading, or for a peer. */
export function onBlockRead(
  r: Replica,
  event: Extract<ReplicaEvent, { kind: 'block_read' }>,
): void {
  const { reference, bytes, serveTo } = event;
  if (serveTo !== null) {
    r.serving -= 1;
    const { address, checksum } = reference;
    if (bytes !== null && r.checksum.hash(bytes) === checksum) {
      send(r, serveTo, 'block', { blockChecksum: checksum, address }, bytes);
    } else if (noteRottenBlock(r, reference)) {
      // Asked for by a peer, and rotten here too.
      trace(r, { kind: 'corrupt', what: 'block', place: address, found: 'read' });
    }
    return;
  }
  r.restoreReads -= 1;
  if (r.restored || r.restorePending) return;
  const outcome = bytes === null ? 'bad' : r.forest.provide(reference, bytes);
  if (outcome === 'bad') {
    if (r.replicaCount === 1) {
      fatal(r, 'checkpoint_corrupt');
      return;
    }
    if (r.syncTarget === null) {
      trace(r, { kind: 'corrupt', what: 'block', place: reference.address, found: 'start' });
    }
    r.missingBlocks.set(reference.address, reference.checksum);
    r.timers.hurry('repair');
  }
  continueRestore(r);
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

/** Serves blocks from this disk; what is not there is not answered. */
export function onRequestBlocks(r: Replica, message: Message<'requestBlocks'>): void {
  const { header, body } = message;
  // Also while this replica lacks blocks itself: when every disk is rotten in another place, each
  // block is still intact somewhere.
  for (const reference of decodeBlockList(body)) {
    if (r.serving >= SERVING_MAX) return;
    // The checkpoint before this one still stands on the disk until the next is being written: who
    // is fetching it can finish. The checksum says whether it is still there.
    r.serving += 1;
    r.out.push({ kind: 'read_block', reference, serveTo: header.replica });
  }
}

/** A block from a peer: written to this disk, then loaded, unless it only rotted here. */
export function onBlock(r: Replica, message: Message<'block'>): void {
  const { header, body } = message;
  if (r.restored) {
    repairBlock(r, message);
    return;
  }
  if (r.restorePending || r.pendingSync !== null) return;
  if (r.missingBlocks.get(header.address) !== header.blockChecksum) return;
  const reference = { address: header.address, checksum: header.blockChecksum };
  if (body.length !== r.config.blockSize || r.checksum.hash(body) !== header.blockChecksum) return;
  r.missingBlocks.delete(header.address);
  r.stuckSince = null;
  r.budget.recordRepairCompleted(`block:${header.address}`, r.tick);
  assert(r.forest.provide(reference, body) !== 'bad', 'the checksum was right');
  r.blockWrites += 1;
  r.out.push({ kind: 'write_blocks', address: reference.address, bytes: body });
  trace(r, { kind: 'repaired', what: 'block', op: null });
  if (r.missingBlocks.size > 0) r.timers.hurry('repair');
  continueRestore(r);
}
