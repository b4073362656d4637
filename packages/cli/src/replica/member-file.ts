import { existsSync, statSync } from 'node:fs';
import {
  formatDataFile,
  isUnfinished,
  makeFault,
  neverRan,
  RECOVERY_MACHINE,
  type ServerFault,
  UnfinishedFile,
} from '@kimberlite/server';
import type { ClusterConfig } from '@kimberlite/vsr';
import type { Unfinished } from '../cluster/unfinished.ts';
import { CliError, ofServerFault, unwrap } from '../fault.ts';
import type { ProgressLine } from '../progress.ts';

/** Of which member a new file is. */
export interface Member {
  readonly cluster: bigint;
  readonly slot: number;
  readonly replicaCount: number;
}

/** One that was made, and is locked until `opened` is closed. */
export interface MemberFile {
  readonly opened: UnfinishedFile;
  /** Bytes. */
  readonly size: number;
}

const NOT_ASKED =
  'The cluster was asked for nothing: the file that the member had before counts as it did.';

/** Throws CliError when something is there, but for a file that was not finished. */
export function assertPathFree(path: string): void {
  if (!existsSync(path) || isSo(isUnfinished, path)) return;
  const message = `${path} is already there`;
  const remedy =
    'It was not touched. If an interrupted `format` or `recover` has left it, remove it and run ' +
    'the command again; else choose another path.';
  // Killed in its first moment, it has no superblock yet that would say whose it is.
  const mayBeLeft = isSo((at) => statSync(at).size === 0, path) || isSo(neverRan, path);
  throw ofServerFault(makeFault('data_file_exists', message, mayBeLeft ? remedy : undefined));
}

/** What cannot be read is somebody's. */
function isSo(holds: (path: string) => boolean, path: string): boolean {
  try {
    return holds(path);
  } catch {
    return false;
  }
}

/**
 * Makes all of a member's new file but for what the cluster has to say about it, and locks it. No
 * replica starts on it as it is: only its superblock is left to be written. Throws CliError.
 */
export async function makeMemberFile(
  path: string,
  file: Member & { readonly config: ClusterConfig; readonly incarnation: bigint },
  options: { readonly made: Unfinished; readonly progress: ProgressLine },
): Promise<MemberFile> {
  const { incarnation, ...replica } = file;
  const { made, progress } = options;
  await removeLeftBehind(path, replica, progress);
  let isNoted = false;
  const { size } = unwrapNotAsked(
    await formatDataFile({
      ...replica,
      path,
      stateMachine: RECOVERY_MACHINE,
      file: { incarnation },
      onProgress: (written, total) => {
        // From its first call on the file is there, and this command's own.
        if (!isNoted) made.add(path);
        isNoted = true;
        progress.show(`writing ${path}`, written, total);
      },
    }),
  );
  progress.clear();
  const opened = unwrapNotAsked(await UnfinishedFile.open(path));
  if (opened.identity.incarnation === incarnation) return { opened, size };
  opened.close();
  throw ofServerFault(makeFault('data_file_exists', `${path} was made anew by somebody else`));
}

/** An unfinished file of this very member is of an earlier `recover`, and nothing depends on it. */
async function removeLeftBehind(
  path: string,
  wanted: Member,
  progress: ProgressLine,
): Promise<void> {
  if (!existsSync(path)) return;
  const left = unwrap(await UnfinishedFile.open(path));
  try {
    const { machine, cluster, slot, replicaCount } = left.identity;
    const isOfMember = cluster === wanted.cluster && slot === wanted.slot;
    const isOfRecover = machine.id === RECOVERY_MACHINE.id && replicaCount === wanted.replicaCount;
    if (!isOfMember || !isOfRecover) {
      const message = `${path} was left by another command that was interrupted`;
      throw ofServerFault(makeFault('data_file_unfinished', message));
    }
    const fault = left.remove();
    if (fault !== null) throw ofServerFault(fault);
    progress.say(`${path} was left by a \`recover\` that was interrupted, and is made anew\n`);
  } finally {
    left.close();
  }
}

function unwrapNotAsked<T>(value: T | ServerFault): T {
  try {
    return unwrap(value);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const { exitCode, code, message, remedy } = error;
    throw new CliError({ exitCode, code, message, remedy: `${remedy} ${NOT_ASKED}` });
  }
}
