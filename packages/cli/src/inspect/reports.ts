import { sha256 } from '@kimberlite/server';
import {
  checkpointId,
  HEADER_SIZE,
  type Header,
  type PrepareHeader,
  readLengthOf,
  readSlotHeader,
  type SlotFacts,
  type SlotFault,
  type SuperblockCopy,
  slotFault,
} from '@kimberlite/vsr';
import { hex128, hexOf } from '../text.ts';
import type { DataFileReader } from './data-file-reader.ts';
import { factsOf } from './log-reader.ts';

/** What `inspect` shows, as JSON with names of the wire. */
export type Report = Readonly<Record<string, unknown>>;

export function superblockReport(file: DataFileReader): Report {
  const { state, checksum } = file.chosen;
  const { identity, checkpoint } = state;
  return {
    data_file: file.path,
    bytes: file.size,
    copies: file.copies.map((copy) => copyText(copy, file.chosen)),
    checksum: hex128(checksum),
    sequence: state.sequence,
    parent: hex128(state.parent),
    cluster: identity.cluster.toString(),
    replica: identity.slot,
    replica_count: identity.replicaCount,
    member: hex128(identity.member),
    incarnation: hex128(identity.incarnation),
    checksum_name: identity.checksumName,
    message_size_max: file.config.messageSizeMax,
    wal_slots: file.config.walSlots,
    pipeline_max: file.config.pipelineMax,
    checkpoint_interval: file.config.checkpointInterval,
    block_size: file.config.blockSize,
    sessions_max: file.config.sessionsMax,
    state_bytes_max: file.config.stateBytesMax,
    history_revisions: file.config.historyRevisions,
    state_machine: identity.machine.name,
    state_machine_id: hex128(identity.machine.id),
    view: state.view,
    log_view: state.logView,
    commit_max: state.commitMax,
    checkpoint_op: checkpoint.op,
    checkpoint_id: hex128(checkpointId(checkpoint, sha256)),
    syncing: state.syncing,
    headers: state.headers.length,
    headers_from_op: state.headers[0]?.header.op ?? null,
  };
}

function copyText(copy: SuperblockCopy | null, chosen: SuperblockCopy): string {
  if (copy === null) return 'bad';
  return copy.checksum === chosen.checksum ? 'ok' : `older (sequence ${copy.state.sequence})`;
}

export function checkpointReport(file: DataFileReader): Report {
  const { checkpoint } = file.chosen.state;
  const empty = checkpoint.forestRoot.every((byte) => byte === 0);
  return {
    data_file: file.path,
    op: checkpoint.op,
    id: hex128(checkpointId(checkpoint, sha256)),
    parent_id: hex128(checkpoint.parentId),
    prepare_checksum: hex128(checkpoint.prepareChecksum),
    timestamp_next: checkpoint.timestampNext,
    empty,
    forest_root: empty ? null : hexOf(checkpoint.forestRoot),
  };
}

/** One slot of the log: its header in the redundant ring, and its prepare. */
export interface WalSlotReport {
  readonly slot: number;
  /** `ok`, `reserved` (never used), or `bad` with the reason. */
  readonly header: string;
  readonly prepare: string;
  readonly op: number | null;
  readonly view: number | null;
  readonly requests: number | null;
  readonly size: number | null;
  readonly timestamp: number | null;
  readonly checksum: string | null;
  /** The two agree on what stands here. */
  readonly agree: boolean;
}

/** Every slot, in the order of the ring. */
export function* walReport(file: DataFileReader): Generator<WalSlotReport, void, undefined> {
  const facts = factsOf(file);
  for (let slot = 0; slot < file.config.walSlots; slot += 1) {
    const part = file.read('wal_headers', slot * HEADER_SIZE, HEADER_SIZE);
    const header = readSlotHeader(facts, slot, part);
    const prepare = readPrepare(file, facts, slot);
    const known = asPrepare(prepare) ?? asPrepare(header);
    const agree =
      typeof header !== 'string' &&
      typeof prepare !== 'string' &&
      header.checksum === prepare.checksum;
    yield {
      slot,
      header: partText(header),
      prepare: partText(prepare),
      op: known?.op ?? null,
      view: known?.view ?? null,
      requests: known?.count ?? null,
      size: known?.size ?? null,
      timestamp: known?.timestamp ?? null,
      checksum: known === null ? null : hex128(known.checksum),
      agree,
    };
  }
}

function readPrepare(file: DataFileReader, facts: SlotFacts, slot: number): Header | SlotFault {
  const { messageSizeMax } = file.config;
  const offset = slot * messageSizeMax;
  const header = readSlotHeader(facts, slot, file.read('wal_prepares', offset, HEADER_SIZE));
  if (typeof header === 'string') return header;
  if (header.size > messageSizeMax) return 'too_long';
  const whole = file.read('wal_prepares', offset, readLengthOf(header.size));
  return slotFault(facts, header, whole) ?? header;
}

function asPrepare(part: Header | string): PrepareHeader | null {
  return typeof part !== 'string' && part.command === 'prepare' ? part : null;
}

function partText(part: Header | string): string {
  if (typeof part === 'string') return `bad (${part})`;
  return part.command === 'prepare' ? 'ok' : part.command;
}
