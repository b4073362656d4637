import { present } from '@kimberlite/store';
import { SLOT_COUNT } from '../membership.ts';
import { encodeHeaderList, type LogHeader, logHeaderOf } from '../message/header-list.ts';
import {
  encodeKnownFiles,
  KNOWN_FILES_SIZE,
  type KnownFile,
  UNKNOWN_FILE,
} from '../message/known-files.ts';
import { HEADER_SIZE } from '../message/layout.ts';
import type { Message, PrepareMessage } from '../message/message.ts';
import type { ToldCheckpoint } from '../replica/checkpoint/checkpoint-ids.ts';
import { Op, View } from '../std/numbers.ts';
import {
  CHECKPOINT_RECORD_SIZE,
  type CheckpointRecord,
  encodeCheckpoint,
} from '../superblock/superblock.ts';
import { fromPeer, type ReplicaHarness } from './replica-harness.ts';
import { checkpointAt, checkpointFields } from './wal-disk.ts';

/** The do_view_change of a peer that has all of `chain` on disk. */
export function doViewChangeOf(
  author: { readonly slot: number; readonly view: number },
  chain: readonly PrepareMessage[],
  options: {
    readonly logView?: number;
    readonly commitMin?: number;
    readonly checkpoint?: ToldCheckpoint;
    /** Files that took the place of lost ones, by slot. */
    readonly files?: Readonly<Record<number, KnownFile>>;
  } = {},
): Message<'doViewChange'> {
  const headers = chain.slice(-5).map(logHeaderOf).reverse();
  return fromPeer(
    author,
    'doViewChange',
    {
      logView: View(options.logView ?? 0),
      op: Op(chain.length - 1),
      commitMin: Op(options.commitMin ?? 0),
      ...checkpointFields(options.checkpoint),
      nackBits: 0,
      presentBits: (1 << headers.length) - 1,
    },
    doViewChangeBody(headers, options.files),
  );
}

/** Whose author knows of no replaced file but these, by slot. */
function doViewChangeBody(
  headers: readonly LogHeader[],
  replaced: Readonly<Record<number, KnownFile>> = {},
): Uint8Array {
  const files = Array.from({ length: SLOT_COUNT }, (_, slot) => replaced[slot] ?? UNKNOWN_FILE);
  const body = new Uint8Array(KNOWN_FILES_SIZE + headers.length * HEADER_SIZE);
  body.set(encodeKnownFiles(files), 0);
  body.set(encodeHeaderList(headers), KNOWN_FILES_SIZE);
  return body;
}

/** The start_view of a primary whose log is `chain`; by default at the checkpoint of format. */
export function startViewOf(
  author: { readonly slot: number; readonly view: number },
  chain: readonly PrepareMessage[],
  options: {
    readonly commit?: number;
    readonly nonce?: bigint;
    readonly checkpoint?: CheckpointRecord;
  } = {},
): Message<'startView'> {
  const checkpoint = options.checkpoint ?? checkpointAt(0);
  const headers = chain.slice(-5).map(logHeaderOf).reverse();
  const body = new Uint8Array(CHECKPOINT_RECORD_SIZE + headers.length * HEADER_SIZE);
  body.set(encodeCheckpoint(checkpoint));
  body.set(encodeHeaderList(headers), CHECKPOINT_RECORD_SIZE);
  return fromPeer(
    author,
    'startView',
    {
      nonce: options.nonce ?? 0n,
      op: Op(chain.length - 1),
      commit: Op(options.commit ?? 0),
      checkpointOp: checkpoint.op,
    },
    body,
  );
}

/** A heartbeat of the primary of `view` whose log is `chain`, committed up to `commit`. */
export function heartbeatOf(
  author: { readonly slot: number; readonly view: number },
  chain: readonly PrepareMessage[],
  options: {
    readonly commit: number;
    readonly stamp: number;
    readonly checkpoint?: ToldCheckpoint;
  },
): Message<'commit'> {
  return fromPeer(author, 'commit', {
    durableOp: Op(0),
    commitChecksum: present(chain[options.commit]).header.checksum,
    commit: Op(options.commit),
    op: Op(chain.length - 1),
    ...checkpointFields(options.checkpoint),
    monotonic: options.stamp,
  });
}

/** A backup's ack; by default its checkpoint is the one of format. */
export function prepareOkOf(
  author: { readonly slot: number; readonly view: number },
  message: PrepareMessage,
  checkpoint?: ToldCheckpoint,
): Message<'prepareOk'> {
  const { checksum, op } = message.header;
  return fromPeer(author, 'prepareOk', {
    prepareChecksum: checksum,
    op,
    commitMin: Op(0),
    ...checkpointFields(checkpoint),
    durable: 1,
  });
}

/**
 * Makes the replica in slot 1 of three primary of view 1: both peers leave view 0, and slot 2's log
 * (`chain`, or just the root) takes part in the choice, and gives its bodies.
 */
export function leadViewOne(harness: ReplicaHarness, chain: readonly PrepareMessage[]): void {
  for (const slot of [0, 2]) {
    harness.deliver(fromPeer({ slot, view: 0 }, 'startViewChange', {}));
  }
  harness.settle();
  harness.deliver(doViewChangeOf({ slot: 2, view: 1 }, chain));
  harness.settle();
  for (const message of chain.slice(1)) harness.deliver(message); // The bodies that it lacks.
  harness.settle();
}
