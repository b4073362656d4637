import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BlockSource, creationFault } from '@kimberlite/server';
import { type MachineFlags, type MakeMachine, machineFor } from '../cluster/machine-module.ts';
import { assertNothingThere, makeCluster } from '../cluster/make-cluster.ts';
import {
  type NewCluster,
  type NewClusterFlags,
  newClusterOf,
  newFilePaths,
} from '../cluster/new-cluster.ts';
import type { ReplaySource } from '../cluster/replay-log.ts';
import { type Starts, startCommands, startText } from '../cluster/start-text.ts';
import { removingUnfinished } from '../cluster/unfinished.ts';
import type { OutputFlags } from '../connection-options.ts';
import { ofServerFault } from '../fault.ts';
import { withOfflineFile } from '../inspect/data-file-reader.ts';
import { findingText } from '../inspect/finding.ts';
import { checkIntegrity } from '../inspect/integrity.ts';
import { type Io, writeJson } from '../io.ts';
import { ProgressLine } from '../progress.ts';
import { type BackupFile, damaged, withBackup } from './backup-file.ts';
import { headRecord, timeOf } from './backup-text.ts';
import { backupLog, checkBackup } from './check-backup.ts';

export interface VerifyFlags extends OutputFlags, MachineFlags {
  readonly scratch?: string;
}

export interface RestoreFlags extends OutputFlags, MachineFlags, NewClusterFlags {
  readonly into: string;
}

/**
 * Restores the backup, to a file that is removed again: every byte is hashed, every block and op is
 * followed from the root, the log is executed, and the file that comes of it is checked.
 */
export async function verifyBackup(path: string, flags: VerifyFlags, io: Io): Promise<void> {
  await withBackup(path, async (file) => {
    const makeMachine = await machineFor(path, file.head.machine, flags);
    const progress = new ProgressLine(io);
    checkAll(file, progress);
    const { op, blocks } = await removingUnfinished(async (made) => {
      const directory = makeScratch(flags.scratch ?? tmpdir());
      made.add(directory);
      const wanted = { ...newClusterOf({ replicas: 1 }, file.head), directory };
      const op = await makeCluster(sourceOf(file, makeMachine), wanted, { progress });
      return { op, blocks: await checkRestored(file, wanted, progress) };
    });
    progress.clear();
    const { head, layout } = file;
    if (flags.output === 'json') {
      const counts = { bytes: layout.fileSize, restored_op: op, restored_blocks: blocks };
      writeJson(io, { backup: path, ...headRecord(head), ...counts });
      return;
    }
    io.write(
      `ok  ${path}: cluster ${head.cluster} as of op ${head.op}, ${timeOf(head.createdAt)}; ` +
        `${layout.blocks.count} blocks of the checkpoint at op ${head.checkpoint.op}, ` +
        `${head.prepareSizes.length} ops above it; restored and checked\n`,
    );
  });
}

function makeScratch(directory: string): string {
  const prefix = join(directory, 'kimberlite-verify-');
  try {
    return mkdtempSync(prefix);
  } catch (error) {
    throw ofServerFault(creationFault(error, prefix));
  }
}

/** Makes the data files of a new cluster, which begins with all that the backup holds. */
export async function restoreBackup(path: string, flags: RestoreFlags, io: Io): Promise<void> {
  await withBackup(path, async (file) => {
    const makeMachine = await machineFor(path, file.head.machine, flags);
    const wanted = { ...newClusterOf(flags, file.head), directory: flags.into };
    await assertNothingThere(wanted);
    const progress = new ProgressLine(io);
    checkAll(file, progress);
    const begins = await makeCluster(sourceOf(file, makeMachine), wanted, { progress });
    const files = newFilePaths(wanted);
    const { head } = file;
    const { cluster, replicaCount } = wanted;
    const starts: Starts = { ofKernel: flags.stateMachine === undefined, known: null };
    if (flags.output === 'json') {
      const made = { new_cluster: cluster, new_replica_count: replicaCount, begins_at_op: begins };
      const start = startCommands(wanted, starts);
      writeJson(io, { backup: path, ...headRecord(head), ...made, data_files: files, start });
      return;
    }
    io.write(
      `restored op ${head.op} of cluster ${head.cluster} (${timeOf(head.createdAt)}) as cluster ` +
        `${cluster} of ${replicaCount}, which begins at op ${begins}, in\n` +
        files.map((name) => `  ${name}\n`).join('') +
        `${startText(wanted, starts)}Then point clients at the new cluster.\n`,
    );
  });
}

function checkAll(file: BackupFile, progress: ProgressLine): void {
  file.checkTrailer((done, total) => progress.show('hashing', done, total));
  progress.clear();
  checkBackup(file, progress);
}

/** Opens the restored file as `inspect integrity` does; returns the blocks of its checkpoint. */
async function checkRestored(
  file: BackupFile,
  wanted: NewCluster,
  progress: ProgressLine,
): Promise<unknown> {
  const [path = ''] = newFilePaths(wanted);
  return await withOfflineFile(path, (raw) => {
    const findings: string[] = [];
    const { damages, report } = checkIntegrity(
      raw,
      (finding) => findings.push(findingText(finding).trim()),
      progress,
    );
    if (damages === 0) return report['blocks'];
    throw damaged(file.path, `what was restored of it is not whole: ${findings[0]}`);
  });
}

function sourceOf(file: BackupFile, makeMachine: MakeMachine): ReplaySource {
  const { head } = file;
  return {
    cluster: head.cluster,
    makeMachine,
    config: head.config,
    view: head.view,
    adoptedOp: head.op,
    state: { checkpoint: head.checkpoint, log: [...backupLog(file)] },
    blocks: blocksOf(file),
    onDamage: (message) => damaged(file.path, `its state cannot be worked out: ${message}`),
  };
}

/** The block area as it stood, with zeros where no block of the checkpoint was. */
function blocksOf(file: BackupFile): BlockSource {
  const { blockSize } = file.head.config;
  return {
    size: file.layout.blocks.last * blockSize,
    read(offset, length): Uint8Array {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const within = (offset + at) % blockSize;
        const part = Math.min(blockSize - within, length - at);
        const block = file.readBlock(Math.floor((offset + at) / blockSize) + 1);
        if (block !== null) bytes.set(block.subarray(within, within + part), at);
        at += part;
      }
      return bytes;
    },
  };
}
