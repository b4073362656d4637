import type { BlockReference } from '@kimberlite/store';
import { decodeBlockList } from '../../message/block-list.ts';
import { encodeHeaderList, type LogHeader } from '../../message/header-list.ts';
import { HEADER_SIZE } from '../../message/layout.ts';
import type { Message } from '../../message/message.ts';
import { Op, opMax, opMin, opNext, opPrevious, ZERO_CHECKSUM } from '../../std/numbers.ts';
import type { ReplicaEvent, ServedRange } from '../effect.ts';
import type { Replica } from '../replica.ts';
import { drop } from '../report.ts';
import { isPrimary } from '../role.ts';
import { send, sendMessage } from '../send.ts';
import { readPrepare, takePrepareRead } from './wal-read.ts';

/** Prepares and blocks being read for peers at once: commits must always find a free thread. */
const SERVING_MAX = 6;
/** Of these, blocks: who fetches a whole checkpoint leaves room for who lacks a few prepares. */
const SERVING_BLOCKS_MAX = 4;
/** Blocks that may wait for that, for each peer: what it has in flight by its budget. */
const WAITING_PER_PEER = 16;

/** Headers that a peer lacks, from the top down. */
export function onRequestHeaders(r: Replica, message: Message<'requestHeaders'>): void {
  const { header } = message;
  if (header.opMin > header.opMax) {
    drop(r, message, 'invalid_repair_range');
    return;
  }
  const most = Math.floor((r.config.messageSizeMax - HEADER_SIZE) / HEADER_SIZE);
  const headers: LogHeader[] = [];
  for (let op = opMin(header.opMax, r.op); op >= header.opMin && headers.length < most; ) {
    const entry = r.journal.header(op);
    if (entry === null) break;
    headers.push(entry);
    if (op === 0) break;
    op = opPrevious(op);
  }
  if (headers.length > 0) send(r, header.replica, 'headers', {}, encodeHeaderList(headers));
}

/**
 * A peer lacks a body, or several in a row: sent from memory or disk; what is not here is not
 * answered.
 */
export function onRequestPrepare(r: Replica, message: Message<'requestPrepare'>): void {
  const { op, prepareChecksum, view, replica, more } = message.header;
  const entry = r.journal.header(op);
  if (entry === null || op === 0) return;
  const next = prepareChecksum === ZERO_CHECKSUM;
  if (!next && entry.header.checksum !== prepareChecksum) return;
  const last = opMin(Op(op + Math.min(more, 2 * r.config.pipelineMax)), r.op);
  // "The op of your view's log": only its primary may say, and only while it leads.
  servePrepares(r, { to: replica, op, last: opMax(op, last), view: next ? view : null });
}

/**
 * Sends what is in memory at once, and reads the rest from disk one after the other: a range never
 * takes more than one of the reads that are kept for peers. The asker checks each by its checksum.
 */
export function servePrepares(r: Replica, range: ServedRange): void {
  for (let { op } = range; op <= range.last; op = opNext(op)) {
    if (range.view !== null && (!isPrimary(r) || range.view !== r.view)) return;
    const entry = r.journal.header(op);
    if (entry === null) return;
    const body = r.journal.body(op);
    if (body !== null) {
      sendMessage(r, range.to, body);
      continue;
    }
    if (!r.journal.isReadable(op)) continue;
    if (r.serving >= SERVING_MAX) return;
    r.serving += 1;
    readPrepare(r, entry, { kind: 'serve', range: { ...range, op } });
    return;
  }
}

/** A prepare was read from this disk for a peer: it is sent if it is sound, and then the rest. */
export function onServedPrepareRead(
  r: Replica,
  read: Extract<ReplicaEvent, { kind: 'prepare_read' }>,
  range: ServedRange,
): void {
  r.serving -= 1;
  serveBlocks(r);
  const message = takePrepareRead(r, read);
  if (message !== null) sendMessage(r, range.to, message);
  if (range.op < range.last) servePrepares(r, { ...range, op: opNext(range.op) });
}

/**
 * Serves blocks from this disk, some at once and the rest of the list in its turn; what is not
 * there is not answered, and nothing beyond what the peer may have asked for in good faith.
 */
export function onRequestBlocks(r: Replica, message: Message<'requestBlocks'>): void {
  const { header, body } = message;
  let waiting = 0;
  for (const { serveTo } of r.servingNext) if (serveTo === header.replica) waiting += 1;
  // Also while this replica lacks blocks itself: when every disk is rotten in another place, each
  // block is still intact somewhere.
  for (const reference of decodeBlockList(body).slice(0, WAITING_PER_PEER - waiting)) {
    r.servingNext.push({ reference, serveTo: header.replica });
  }
  serveBlocks(r);
}

/** Reads blocks that peers wait for, as far as there is room. */
export function serveBlocks(r: Replica): void {
  while (r.serving < SERVING_BLOCKS_MAX) {
    const next = r.servingNext.shift();
    if (next === undefined) return;
    // The checkpoint before this one still stands on the disk until the next is being written: who
    // is fetching it can finish. The checksum says whether it is still there.
    r.serving += 1;
    r.out.push({ kind: 'read_block', ...next });
  }
}

/** A block was read from this disk for a peer. */
export function onServedBlockRead(
  r: Replica,
  read: {
    readonly reference: BlockReference;
    readonly bytes: Uint8Array | null;
    readonly serveTo: number;
  },
): void {
  const { reference, bytes, serveTo } = read;
  const { address, checksum } = reference;
  r.serving -= 1;
  serveBlocks(r);
  if (bytes === null || r.checksum.hash(bytes) !== checksum) return;
  send(r, serveTo, 'block', { blockChecksum: checksum, address }, bytes);
}
