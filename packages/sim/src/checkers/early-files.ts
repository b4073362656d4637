import type { AnyMessage, Command, TraceEvent } from '@kimberlite/vsr';
import { replicationQuorum } from '../cluster/quorums.ts';
import type { DiskEvidence } from '../storage/disk-evidence.ts';
import type { RecoveredFile } from './recovered-files.ts';
import { check } from './violation.ts';

/** Commands by which a replica takes part: acks, votes, logs, and that it leads or follows. */
export const TAKES_PART: ReadonlySet<Command> = new Set<Command>([
  'prepareOk',
  'commit',
  'startViewChange',
  'doViewChange',
  'startView',
  'viewConfirmed',
]);

/**
 * A file in place of a lost one takes part only when a replication quorum of the others has noted
 * it, judged by their disks: before that the lost one may still be counted by a view-change quorum,
 * and the two would be two voters in one slot.
 */
export class EarlyFiles {
  private readonly disks: readonly Pick<DiskEvidence, 'superblock'>[];
  /** Files that too few are known to have noted, by slot, with those that have. */
  private readonly early: Map<number, RecoveredFile & { readonly notedBy: Set<number> }>;

  constructor(disks: readonly Pick<DiskEvidence, 'superblock'>[]) {
    this.disks = disks;
    this.early = new Map();
  }

  onDiskLost(slot: number): void {
    this.early.delete(slot);
  }

  onRecovered(slot: number, file: RecoveredFile): void {
    this.early.set(slot, { ...file, notedBy: new Set() });
    this.disks.forEach((_, peer) => {
      this.look(peer);
    });
  }

  /** A start may find what a crash cut short and left whole. */
  onStarting(slot: number): void {
    this.look(slot);
  }

  onTrace(slot: number, event: TraceEvent): void {
    if (event.kind === 'view_durable') this.look(slot);
  }

  onSend(slot: number, { header }: AnyMessage): void {
    const file = this.early.get(slot);
    if (file === undefined || header.incarnation !== file.incarnation) return;
    if (header.replica !== slot || !TAKES_PART.has(header.command)) return;
    check(
      'recovered_files',
      false,
      () =>
        `the file of replica ${slot} that op ${file.since} names sends a ${header.command}, and ` +
        `${file.notedBy.size} others have noted it`,
    );
  }

  /** What a disk has noted once counts, whatever becomes of that disk. */
  private look(peer: number): void {
    if (this.early.size === 0) return;
    const superblock = this.disks[peer]?.superblock();
    if (superblock === undefined || typeof superblock === 'string') return;
    for (const [slot, { incarnation, notedBy }] of [...this.early]) {
      if (slot === peer) continue;
      if (superblock.introductions.files[slot]?.incarnation === incarnation) notedBy.add(peer);
      if (notedBy.size >= replicationQuorum(this.disks.length)) this.early.delete(slot);
    }
  }
}
