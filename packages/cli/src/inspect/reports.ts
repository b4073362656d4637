import { hex128, sha256 } from '@kimberlite/server';
import { checkpointId, type SuperblockCopy } from '@kimberlite/vsr';
import { hexOf } from '../text.ts';
import type { DataFileReader } from './data-file-reader.ts';
import { entryOf, type FoundPart, readSlot } from './log-reader.ts';
import { copyAge } from './superblock-check.ts';

/** What `inspect` shows, as JSON with names of the wire. */
export type Report = Readonly<Record<string, unknown>>;

export function superblockReport(file: DataFileReader): Report {
  const { state, checksum } = file.chosen;
  const { identity, checkpoint } = state;
  return {
    data_file: file.path,
    bytes: file.size,
    copies: file.copies.map((copy) => copyText(copy, file.chosen)),
    start_refused: file.superblockFault,
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
  const age = copyAge(copy, chosen);
  return age === null ? 'ok' : `${age} (sequence ${copy.state.sequence})`;
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
  /** `ok`, `reserved` (never used), or `bad` with the reason in words. */
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
  for (let slot = 0; slot < file.config.walSlots; slot += 1) {
    const { header, prepare } = readSlot(file, slot);
    const known = entryOf(prepare)?.header ?? entryOf(header)?.header ?? null;
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
      agree: agree(header, prepare),
    };
  }
}

function partText({ part, fault }: FoundPart): string {
  if (part === 'bad') return `bad (${fault ?? ''})`;
  return part === 'reserved' ? part : 'ok';
}

function agree(header: FoundPart, prepare: FoundPart): boolean {
  if (header.part === 'reserved') return prepare.part === 'reserved';
  const entry = entryOf(header);
  return entry !== null && entry.header.checksum === entryOf(prepare)?.header.checksum;
}
