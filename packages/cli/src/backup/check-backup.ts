import { sha256 } from '@kimberlite/server';
import { inspectTree, type PrepareMessage } from '@kimberlite/vsr';
import type { CliError } from '../fault.ts';
import { tablesOf } from '../inspect/read-tree.ts';
import type { ProgressLine } from '../progress.ts';
import { type BackupFile, damaged } from './backup-file.ts';

/**
 * Walks the tree of the checkpoint from its root and the chain of the log above it: every block is
 * the one that its parent names, every op follows the one before, and there is nothing else. Throws
 * CliError that names the first thing that is not so. The replica that the bytes came from verified
 * none of it.
 */
export function checkBackup(file: BackupFile, progress: ProgressLine): void {
  checkBlocks(file, progress);
  let parent = file.head.checkpoint.prepareChecksum;
  for (const { header } of backupLog(file)) {
    if (header.cluster !== file.head.cluster) {
      throw damaged(file.path, `op ${header.op} is of another cluster`);
    }
    if (header.parent !== parent) {
      throw damaged(file.path, `op ${header.op} does not follow the one before`);
    }
    parent = header.checksum;
  }
}

function checkBlocks(file: BackupFile, progress: ProgressLine): void {
  const { head, layout } = file;
  let fault: CliError | null = null;
  let seen = 0;
  const content = inspectTree(head.checkpoint.forestRoot, {
    format: { checksum: sha256, blockSize: head.config.blockSize },
    tables: tablesOf(head.machine),
    read: (address) => file.readBlock(address),
    onFault: ({ address, problem }) => {
      const what = address === null ? 'the checkpoint' : `block ${address} of the checkpoint`;
      fault ??= damaged(file.path, `${what}: ${problem}`);
    },
    onBlock: (_address, total) => {
      seen += 1;
      progress.show('walking the checkpoint', seen, total);
    },
  });
  progress.clear();
  if (fault !== null) throw fault;
  if (content?.blockCount === layout.blocks.count) return;
  throw damaged(file.path, 'it has other blocks than its checkpoint names');
}

/** The prepares above the checkpoint, one in memory at a time. */
export function* backupLog(file: BackupFile): Generator<PrepareMessage, void, undefined> {
  const { checkpoint, op } = file.head;
  for (let at = checkpoint.op + 1; at <= op; at += 1) yield file.readPrepare(at);
}
