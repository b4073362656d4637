import type { SuperblockState } from '../../superblock/superblock.ts';
import type { SuperblockStep } from '../../superblock/superblock-writer.ts';
import { onSuperblockWriteBegun } from '../liveness/disk-pace.ts';
import type { Replica } from '../replica.ts';
import { fatal } from '../report.ts';

/**
 * Asks for a superblock of the replica's state as it now is: view, log_view, headers, commit and
 * checkpoint move together or not at all.
 */
export function updateSuperblock(r: Replica): void {
  const step = r.superblock.update({
    view: r.view,
    logView: r.logView,
    commitMax: r.commitMax,
    ...newestCheckpoints(r),
    // Only who has all blocks takes a checkpoint of its own.
    syncing: r.syncTarget !== null,
    headers: r.viewChange.headers,
    introductions: r.introductions,
  });
  performSuperblockStep(r, step);
}

/** The checkpoints that were asked for last, so that a merged write never takes one back. */
function newestCheckpoints(r: Replica): Pick<SuperblockState, 'checkpoint' | 'checkpointPrevious'> {
  const work = r.checkpointing;
  if (work === null || !work.sealed) {
    return { checkpoint: r.checkpoint, checkpointPrevious: r.checkpointPrevious };
  }
  const checkpoint = { ...work.record, forestRoot: r.forest.checkpointRoot() };
  return { checkpoint, checkpointPrevious: r.checkpoint };
}

/**
 * Turns a step of the writer into effects; returns the state that has become durable, if one did.
 */
export function performSuperblockStep(r: Replica, step: SuperblockStep): SuperblockState | null {
  switch (step.kind) {
    case 'write':
      onSuperblockWriteBegun(r);
      r.out.push({ kind: 'write_superblock', copy: step.copy, bytes: step.bytes });
      return null;
    case 'read_back':
      r.out.push({ kind: 'read_superblock' });
      return null;
    case 'idle':
      return null;
    case 'unreadable':
      // Nothing can be promised any more, and to write on for ever would only hide it.
      fatal(r, 'superblock_quorum_lost');
      return null;
    case 'durable':
      return step.state;
  }
}
