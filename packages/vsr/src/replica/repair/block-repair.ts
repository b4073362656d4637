import { assert, type BlockReference } from '@kimberlite/store';
import { encodeBlockList } from '../../message/block-list.ts';
import type { Message } from '../../message/message.ts';
import { isReplacingState } from '../checkpoint/sync.ts';
import type { Replica } from '../replica.ts';
import { trace } from '../report.ts';
import { send } from '../send.ts';
import type { RepairPriority } from './repair-budget.ts';

/** Blocks asked of a peer in one message. */
const BLOCKS_PER_REQUEST = 8;
/** Missing blocks among which the choice falls. */
const CHOICE_MAX = 64;
/** Repaired blocks being written at once: checkpoints and the WAL go on beside it. */
const WRITES_MAX = 8;
/**
 * While a checkpoint is fetched: blocks that came and are not written yet, those that wait for the
 * disk included. Above that no more are asked for: a slow disk slows the transfer, and memory does
 * not fill.
 */
const UNWRITTEN_MAX = 32;

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
  r.forest.forgetVerified(reference.address);
  if (r.replicaCount > 1) {
    r.missingBlocks.set(reference.address, reference.checksum);
    r.timers.hurry('repair');
  }
  return !known;
}

/**
 * The next checkpoint is durable: blocks that it no longer has are not missed any more. Others may
 * soon have nothing of them, so they would be asked for without end, and no backup would begin; and
 * their room is free: one that came late would be written over what stands there by then. An
 * address that both trees use has the same block in both: a checkpoint takes only room that the one
 * before it leaves free.
 */
export function dropReleasedBlocks(r: Replica): void {
  const { used } = r.forest.tree;
  for (const address of r.missingBlocks.keys()) {
    if (!used.uses(address)) r.missingBlocks.delete(address);
  }
}

/**
 * Asks a peer for missing blocks: `urgent` for those that something here waits for, `background`
 * for those that only the scrubber has found: asked for alike, a disk that has rotted in many
 * places would keep what one commit needs waiting behind all the rest.
 *
 * What rotted is asked for in one request a round: commits may wait for other repairs, and where
 * disks are rotten in many places no peer has all that a request names.
 */
export function requestMissingBlocks(r: Replica, priority: RepairPriority): void {
  if (r.syncTarget === null) askForBlocks(r, priority);
  else if (priority === 'urgent') fetchMissingBlocks(r);
}

/**
 * While a checkpoint is fetched: asks as long as a peer has room for a request. What comes in makes
 * room: so it is asked as fast as peers answer, not once a round.
 */
export function fetchMissingBlocks(r: Replica): void {
  if (r.syncTarget === null) return;
  while (!fetchWaitsForDisk(r) && askForBlocks(r, 'urgent'));
}

/** False when there is nothing to ask for, or nobody to be asked. */
function askForBlocks(r: Replica, priority: RepairPriority): boolean {
  const { budget, missingBlocks, prng, syncTarget } = r;
  if (missingBlocks.size === 0 || budget.availableSlots() === 0) return false;
  const chosen = chooseBlocks(r, priority);
  const first = chosen[0];
  if (first === undefined) return false;
  const key = `block:${first.address}`;
  const fetching = syncTarget !== null;
  const peer = fetching
    ? budget.selectReplica(prng, priority)
    : budget.selectReplicaFor(key, prng, priority);
  if (peer === null) return false;
  // Of a proven checkpoint a peer has all blocks, and the request is done with the last of them. Of
  // what rotted it may lack some itself: to wait for those would keep others from being asked.
  const addresses = (fetching ? chosen : [first]).map(({ address }) => address);
  const range = { opStart: first.address, opEnd: first.address + 1 };
  budget.recordRepairSent(peer, { what: 'blocks', key, ...range, addresses }, r.tick);
  send(r, peer, 'requestBlocks', {}, encodeBlockList(chosen));
  return true;
}

/** Missing blocks that nobody has been asked for, or nobody who may still send them. */
function chooseBlocks(r: Replica, priority: RepairPriority): BlockReference[] {
  const wanted: BlockReference[] = [];
  const urgent = priority === 'urgent';
  for (const [address, checksum] of r.missingBlocks) {
    if (wanted.length === CHOICE_MAX) break;
    if (isNeeded(r, { address, checksum }) !== urgent) continue;
    if (!r.budget.isBlockAwaited(address)) wanted.push({ address, checksum });
  }
  if (wanted.length <= BLOCKS_PER_REQUEST) return wanted;
  // From a random place: in a fixed order everyone would ask for the same block of the same peer.
  const start = r.prng.below(wanted.length);
  return [...wanted.slice(start), ...wanted.slice(0, start)].slice(0, BLOCKS_PER_REQUEST);
}

/** Whether a restore, an execution or a checkpoint waits for it. */
function isNeeded(r: Replica, reference: BlockReference): boolean {
  return r.syncTarget !== null || !r.restored || r.forest.wants(reference);
}

/**
 * Whether a checkpoint that is being fetched waits for this disk: so many blocks have come and are
 * not written yet that no more are asked for.
 */
export function fetchWaitsForDisk(r: Replica): boolean {
  return !r.restored && r.repairingBlocks.size >= UNWRITTEN_MAX;
}

/** A block from a peer: written to this disk, and handed to who wants it. */
export function onBlock(r: Replica, message: Message<'block'>): void {
  const { header, body } = message;
  if (isReplacingState(r)) return;
  // Once the sealed checkpoint is durable this address may be free, and given to the one after it:
  // a repair that is still being written there, on a slow disk, would end over its block. One is
  // sealed when all writes have ended, so none is begun before it is durable; this block is asked
  // for again, if it is still in use (assertRepairsInPlace in checkpoint.ts).
  if (r.checkpointing?.sealed === true) return;
  if (r.missingBlocks.get(header.address) !== header.blockChecksum) {
    // Not wanted any more; who sent it has answered nevertheless.
    r.budget.recordBlockCame(header.address, r.tick);
    return;
  }
  if (r.blockWrites >= (r.restored ? WRITES_MAX : UNWRITTEN_MAX)) return;
  const reference = { address: header.address, checksum: header.blockChecksum };
  if (body.length !== r.config.blockSize || r.checksum.hash(body) !== header.blockChecksum) return;
  r.missingBlocks.delete(header.address);
  // A restore goes on with each block. A commit may wait for another one than this.
  if (!r.restored) r.stuckSince = null;
  r.budget.recordBlockCame(header.address, r.tick);
  assert(r.forest.provide(reference, body) !== 'bad', 'the checksum was right');
  // It may be missed again, and come again, before its first write has ended: two writes to one
  // place must never be on their way at once.
  if (!r.repairingBlocks.has(reference.address)) {
    r.repairingBlocks.add(reference.address);
    r.blockWrites += 1;
    r.blocksUnwritten.push({ address: reference.address, bytes: body });
    writeRepairedBlocks(r);
  }
  trace(r, { kind: 'repaired', what: 'block', op: null });
  if (r.missingBlocks.size > 0 && r.syncTarget === null) r.timers.hurry('repair');
  fetchMissingBlocks(r);
}

/** Hands blocks that came to the disk, a few at a time: WAL and superblock must find a thread. */
export function writeRepairedBlocks(r: Replica): void {
  while (r.blockWrites - r.blocksUnwritten.length < WRITES_MAX) {
    const write = r.blocksUnwritten.shift();
    if (write === undefined) return;
    r.out.push({ kind: 'write_blocks', ...write });
  }
}
