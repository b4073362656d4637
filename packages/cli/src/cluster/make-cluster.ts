import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  type BlockSource,
  creationFault,
  finishDataFile,
  formatDataFile,
  isUnfinished,
  lockFile,
  makeFault,
  randomU128,
  replayMachineOf,
  syncDirectory,
  systemCode,
} from '@kimberlite/server';
import { mutualIntroductions, zoneOffset } from '@kimberlite/vsr';
import { ofServerFault, unwrap } from '../fault.ts';
import { type DataFileReader, readerOf, withOfflineFile } from '../inspect/data-file-reader.ts';
import { partialOf, takeName } from '../take-name.ts';
import type { MakeMachine } from './machine-module.ts';
import { type NewCluster, newFilePaths } from './new-cluster.ts';
import { formatReplay, type ReplayOptions, type ReplaySource, replayLog } from './replay-log.ts';
import { removingUnfinished, type Unfinished } from './unfinished.ts';

const REPLAY = 'replay.tmp';
/** What is made on the way to a cluster of any size, and is gone or has another name at its end. */
const LEFTOVER = /^(replay\.tmp|replica-\d+\.data\.partial)$/;

const NAMED = /^replica-\d+\.data$/;
/** A majority of the new cluster may be finished, and can have been started. */
const UNLESS_RUN =
  'Nothing was touched. Unless a replica has run on one of them, nothing depends on them: delete ' +
  'them, and run the command again.';

/** Throws CliError when something is where a file would be made. */
export async function assertNothingThere(wanted: NewCluster): Promise<void> {
  await assertNothingLeft(wanted);
  for (const path of newFilePaths(wanted)) if (existsSync(path)) throw alreadyThere(path);
}

function alreadyThere(path: string): Error {
  const remedy = 'Nothing was touched. Choose another directory; nothing is ever written over.';
  return ofServerFault(makeFault('data_file_exists', `${path} is already there`, remedy));
}

/** What was killed half-way has left files that are no replica's; what still runs has some, too. */
async function assertNothingLeft({ directory }: NewCluster): Promise<void> {
  const names = namesIn(directory);
  const named = names.filter((name) => NAMED.test(name));
  const unfinished = named.filter((name) => isUnfinishedAt(join(directory, name)));
  const left = [...names.filter((name) => LEFTOVER.test(name)), ...unfinished];
  if (left.length === 0) return;
  for (const name of left) await assertUnused(join(directory, name));
  // Killed at its very last step, when all had their names, it has finished the first ones.
  const isLastStep = left.length === unfinished.length;
  const first = Math.min(...unfinished.map(slotOf));
  const finished = named.filter((name) => isLastStep && slotOf(name) < first);
  throw ofServerFault(
    makeFault(
      'data_file_unfinished',
      `${directory} has ${[...left, ...finished].join(', ')}, left by a command that was interrupted`,
      finished.length === 0 ? undefined : UNLESS_RUN,
    ),
  );
}

function isUnfinishedAt(path: string): boolean {
  try {
    return isUnfinished(path);
  } catch {
    return false; // What cannot be read is somebody's: it is not written over either.
  }
}

function slotOf(name: string): number {
  return Number(name.split(/[-.]/)[1]);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ofServerFault(creationFault(error, directory));
  }
}

async function assertUnused(path: string): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    unwrap(await lockFile(fd, path)).release();
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes the files of a new cluster from what is left of another. The state that its checkpoint and
 * log come to is worked out by a replica of the old cluster, alone on a file of its own, which ends
 * with a checkpoint; that checkpoint is what each of the new files begins with. They get their
 * names when all of them are whole, and become replicas' files when all have their names: until
 * then `start` refuses each of them, whatever it is called. Returns its op.
 */
export async function makeCluster(
  source: ReplaySource,
  wanted: NewCluster,
  options: ReplayOptions,
): Promise<number> {
  return await removingUnfinished(async (made) => {
    makeDirectory(wanted, made);
    const replay = join(wanted.directory, REPLAY);
    await formatReplay(replay, source, making(replay, made, options));
    await replayLog(replay, source, options);
    const op = await withOfflineFile(replay, async (raw) => {
      const replayed = readerOf(raw);
      await formatFiles(replayed, source.makeMachine, wanted, (path) => {
        return making(path, made, options);
      });
      return replayed.chosen.state.checkpoint.op;
    });
    rmSync(replay);
    nameFiles(wanted, made);
    for (const path of newFilePaths(wanted)) {
      const fault = await finishDataFile(path, source.makeMachine());
      if (fault !== null) throw ofServerFault(fault);
    }
    made.keep();
    return op;
  });
}

function makeDirectory({ directory }: NewCluster, made: Unfinished): void {
  try {
    if (mkdirSync(directory, { recursive: true }) !== undefined) made.addEmpty(directory);
  } catch (error) {
    throw ofServerFault(creationFault(error, directory));
  }
}

/** Shows how far a file is. From its first call on the file is there, and this command's own. */
function making(
  path: string,
  made: Unfinished,
  { progress }: ReplayOptions,
): (written: number, total: number) => void {
  let isNoted = false;
  return (written, total) => {
    if (!isNoted) made.add(path);
    isNoted = true;
    progress.show(`writing ${basename(path)}`, written, total);
    if (written === total) progress.clear();
  };
}

function nameFiles(wanted: NewCluster, made: Unfinished): void {
  for (const path of newFilePaths(wanted)) {
    try {
      takeName(path);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') throw alreadyThere(path);
      throw ofServerFault(creationFault(error, path));
    }
    made.add(path);
  }
  syncDirectory(wanted.directory);
}

/**
 * All files of the new cluster know each other, and all begin with the same checkpoint. None of
 * them is finished.
 */
async function formatFiles(
  replayed: DataFileReader,
  makeMachine: MakeMachine,
  wanted: NewCluster,
  onProgressOf: (path: string) => (written: number, total: number) => void,
): Promise<void> {
  const { config, chosen } = replayed;
  const { checkpoint } = chosen.state;
  const { cluster, replicaCount } = wanted;
  const incarnations = Array.from({ length: replicaCount }, randomU128);
  for (const [slot, name] of newFilePaths(wanted).entries()) {
    const path = partialOf(name);
    unwrap(
      await formatDataFile({
        path,
        config,
        stateMachine: replayMachineOf(makeMachine()),
        cluster,
        slot,
        replicaCount,
        file: {
          incarnation: incarnations[slot] ?? 0n,
          introductions: mutualIntroductions(slot, incarnations, checkpoint.op),
          adopted: { checkpoint, log: [] },
        },
        // Written a moment ago: what cannot be read now tells of a disk to be left alone.
        blocks: blocksOf(replayed, () => true),
        onProgress: onProgressOf(path),
      }),
    );
  }
}

/**
 * The block area of a data file. Where the device refuses a block at which nothing of the
 * checkpoint stands, zeros are in its place: else a bad sector that nobody needs would keep the
 * state from being saved. A block that is needed throws the system's error.
 */
export function blocksOf(
  file: DataFileReader,
  isNeeded: (address: number) => boolean,
): BlockSource {
  const { blockSize } = file.config;
  const start = zoneOffset(file.config, 'blocks');
  const size = Math.max(0, file.size - start);
  return {
    size,
    read(offset, length): Uint8Array {
      const whole = file.readWhole('blocks', offset, length);
      if (whole !== null) return whole;
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const address = Math.floor((offset + at) / blockSize) + 1;
        const part = Math.min(address * blockSize - offset, length) - at;
        const found = isNeeded(address)
          ? file.read('blocks', offset + at, part)
          : file.readWhole('blocks', offset + at, part);
        if (found !== null) bytes.set(found, at);
        at += part;
      }
      return bytes;
    },
  };
}
