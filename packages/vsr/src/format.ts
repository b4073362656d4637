import { assert, type ChecksumFunction, FOREST_ROOT_SIZE } from '@kimberlite/store';
import { assertConfig, type ClusterConfig, SECTOR_SIZE } from './config.ts';
import type { MachineIdentity } from './machine-identity.ts';
import { SLOT_COUNT } from './membership.ts';
import { type LogHeader, logHeaderOf } from './message/header-list.ts';
import { HEADER_SIZE, NO_REPLICA } from './message/layout.ts';
import { encodeMessage, type Message, type PrepareMessage } from './message/message.ts';
import type { Recovered } from './message/recover-body.ts';
import { Op, opNext, View, ZERO_CHECKSUM } from './std/numbers.ts';
import type { Zone } from './storage-layout.ts';
import { HEADERS_PER_SECTOR, SUPERBLOCK_COPIES, SUPERBLOCK_COPY_SIZE } from './storage-layout.ts';
import { firstIntroductions, type Introductions } from './superblock/introductions.ts';
import {
  type CheckpointRecord,
  encodeSuperblock,
  type SuperblockState,
  stampCopy,
} from './superblock/superblock.ts';

/** What the file of a replica is made from. */
export interface FormatOptions {
  readonly config: ClusterConfig;
  /** Which state machine is to run on it. */
  readonly machine: MachineIdentity;
  readonly cluster: bigint;
  /** Member slot, below replicaCount. */
  readonly slot: number;
  readonly replicaCount: number;
  /** Random and new for every file. */
  readonly incarnation: bigint;
  readonly checksum: ChecksumFunction;
  /** Default: it has met nobody. */
  readonly introductions?: Introductions;
  /** Where it begins; default 0. A file that takes the place of a lost one begins far above. */
  readonly view?: View;
  /** What it begins with; default: nothing at all. */
  readonly adopted?: AdoptedState;
}

/**
 * A state that a new file begins with, taken from another one. Its blocks are the caller's to
 * copy, before anything of the format is written.
 */
export interface AdoptedState {
  /**
   * Where there is no log above it, the file's log begins with a root in the place of its op: then
   * it may be of another cluster.
   */
  readonly checkpoint: CheckpointRecord;
  /** The ops above the checkpoint, each linked to the one below; of this cluster. */
  readonly log: readonly PrepareMessage[];
}

/**
 * Views that a file which takes the place of a lost one begins above the newest that is known: the
 * lost one may have voted in the next, and two rounds of slots are far beyond. A multiple of the
 * slots, so that the primary stays the same.
 */
const VIEWS_ABOVE: number = 2 * SLOT_COUNT;

/** What a recovered member's file begins with; `view` is the newest that the cluster showed. */
export function recoveredFile(options: {
  readonly slot: number;
  readonly incarnation: bigint;
  /** What the cluster answered: the new file knows from birth which others were replaced. */
  readonly recovered: Recovered;
  readonly view: View;
}): Required<Pick<FormatOptions, 'incarnation' | 'introductions' | 'view'>> {
  const { slot, incarnation, recovered, view } = options;
  const { since, files } = recovered;
  return {
    incarnation,
    introductions: firstIntroductions(slot, { incarnation, since }, files),
    view: View(view + VIEWS_ABOVE),
  };
}

/** Bytes to be written; `offset` is in bytes, from the beginning of the zone. */
export interface FormatWrite {
  readonly zone: Zone;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * The root of a log: committed by definition, the same on all replicas of a cluster. Op 0, or that
 * of the checkpoint with which the cluster began.
 */
export function rootPrepare(
  cluster: bigint,
  checksum: ChecksumFunction,
  op: Op = Op(0),
): PrepareMessage {
  return encodeMessage(
    'prepare',
    {
      cluster,
      replica: NO_REPLICA,
      view: View(0),
      release: 0,
      incarnation: 0n,
      parent: ZERO_CHECKSUM,
      checkpointId: ZERO_CHECKSUM,
      op,
      commit: Op(Math.max(0, op - 1)),
      timestamp: 0,
      count: 0,
    },
    null,
    checksum,
  );
}

/** What a WAL slot that holds nothing contains: a header alone, with the slot's own number. */
export function reservedSlot(
  walSlot: number,
  options: { readonly cluster: bigint; readonly checksum: ChecksumFunction },
): Message<'reserved'> {
  const { cluster, checksum } = options;
  const fields = { cluster, replica: NO_REPLICA, view: View(0), release: 0, incarnation: 0n };
  return encodeMessage('reserved', { ...fields, op: Op(walSlot) }, null, checksum);
}

/** What stands in the log of a new file, and the checkpoint below it. */
interface FirstLog {
  readonly checkpoint: CheckpointRecord;
  /** In any order; every other slot holds nothing. */
  readonly messages: readonly PrepareMessage[];
  /** From the head down, at least one. */
  readonly headers: readonly LogHeader[];
}

/**
 * What a new data file contains, in the order in which it must be written: prepare slots, header
 * ring, superblock last, so that a superblock means a finished format. A slot that was never used
 * holds a valid `reserved` header with its own number, so that a misdirected read is noticed.
 */
export function* formatReplica(options: FormatOptions): Generator<FormatWrite, void, undefined> {
  const { config, checksum, cluster } = options;
  assertConfig(config);
  const log = firstLog(options);
  const used = new Map(log.messages.map((each) => [each.header.op % config.walSlots, each]));
  const headers = new Uint8Array(config.walSlots * HEADER_SIZE);
  for (let slot = 0; slot < config.walSlots; slot += 1) {
    const bytes = used.get(slot)?.bytes ?? reservedSlot(slot, { cluster, checksum }).bytes;
    headers.set(bytes.subarray(0, HEADER_SIZE), slot * HEADER_SIZE);
    const sectors = new Uint8Array(Math.ceil(bytes.length / SECTOR_SIZE) * SECTOR_SIZE);
    sectors.set(bytes);
    yield { zone: 'wal_prepares', offset: slot * config.messageSizeMax, bytes: sectors };
  }
  for (let slot = 0; slot < config.walSlots; slot += HEADERS_PER_SECTOR) {
    const start = slot * HEADER_SIZE;
    yield { zone: 'wal_headers', offset: start, bytes: headers.slice(start, start + SECTOR_SIZE) };
  }
  const superblock = encodeSuperblock(firstSuperblock(options, log), checksum);
  for (let copy = 0; copy < SUPERBLOCK_COPIES; copy += 1) {
    const bytes = superblock.slice();
    stampCopy(bytes, copy);
    yield { zone: 'superblock', offset: copy * SUPERBLOCK_COPY_SIZE, bytes };
  }
}

function firstLog({ config, cluster, checksum, adopted }: FormatOptions): FirstLog {
  const messages = adopted?.log ?? [];
  if (adopted !== undefined && messages.length > 0) {
    assertLog(adopted, cluster);
    assert(messages.length <= config.walSlots, 'the log fits in its ring');
    const top = messages.slice(-config.pipelineMax).toReversed();
    return { checkpoint: adopted.checkpoint, messages, headers: top.map(logHeaderOf) };
  }
  const root = rootPrepare(cluster, checksum, adopted?.checkpoint.op);
  const empty = {
    op: Op(0),
    timestampNext: 0,
    parentId: ZERO_CHECKSUM,
    forestRoot: new Uint8Array(FOREST_ROOT_SIZE),
  };
  const checkpoint = {
    ...(adopted?.checkpoint ?? empty),
    prepareChecksum: root.header.checksum,
  };
  return { checkpoint, messages: [root], headers: [logHeaderOf(root)] };
}

/** What is not linked would be executed in an order that the cluster never had. */
function assertLog({ checkpoint, log }: AdoptedState, cluster: bigint): void {
  let parent = checkpoint.prepareChecksum;
  let op = checkpoint.op;
  for (const { header } of log) {
    assert(header.cluster === cluster, 'a log belongs to its cluster');
    assert(header.op === op + 1, 'ops follow each other');
    assert(header.parent === parent, 'each op names the one below');
    parent = header.checksum;
    op = opNext(op);
  }
}

function firstSuperblock(options: FormatOptions, log: FirstLog): SuperblockState {
  const { config, machine, cluster, slot, replicaCount, incarnation, checksum } = options;
  const view = options.view ?? View(0);
  return {
    identity: {
      cluster,
      slot,
      replicaCount,
      // In a cluster as formatted, members are known by their slots; ids of later ones are random.
      member: BigInt(slot + 1),
      incarnation,
      checksumName: checksum.name,
      config,
      machine,
    },
    sequence: 1,
    parent: ZERO_CHECKSUM,
    view,
    // A log that was adopted is the one of its view: nobody else can know better.
    logView: options.adopted === undefined ? View(0) : view,
    commitMax: log.checkpoint.op,
    checkpoint: log.checkpoint,
    // Blocks that came from elsewhere are all looked at when the replica first starts.
    syncing: options.adopted !== undefined,
    checkpointPrevious: log.checkpoint,
    headers: log.headers,
    introductions: options.introductions ?? firstIntroductions(slot, { incarnation, since: Op(0) }),
  };
}
