import type { BackupHead, StatusRecord } from '@kimberlite/server';
import { askReplicas, noneAnswered, severalClusters } from '../cluster/ask-replicas.ts';
import { removingUnfinished } from '../cluster/unfinished.ts';
import type { ConnectionFlags, OutputFlags } from '../connection-options.ts';
import { CliError, cliError } from '../fault.ts';
import { type Io, writeJson } from '../io.ts';
import { ProgressLine } from '../progress.ts';
import { partialOf } from '../take-name.ts';
import { assuranceOf, assuredOrRefused, lesserText } from './backup-assurance.ts';
import { headRecord, timeOf } from './backup-text.ts';
import { assertFree, BackupWriter } from './backup-writer.ts';
import { checkBackup } from './check-backup.ts';
import { receiveBackup } from './receive-backup.ts';

export interface CreateFlags extends ConnectionFlags, OutputFlags {
  /** Where the backup goes; not --output, which is the form of what is printed. */
  readonly file: string;
  readonly http?: string;
  readonly atLeastOp?: number;
  /** Take what there is where no replica that answers hears a quorum. */
  readonly withoutQuorum?: boolean;
}

/** Milliseconds without a byte: longer than a replica waits for the op that is asked for. */
const SILENCE_MILLIS = 60_000;

interface Candidate {
  readonly http: string;
  readonly status: StatusRecord;
}

/** Takes a backup from a running replica, verifies it, and only then gives it its name. */
export async function createBackup(flags: CreateFlags, io: Io): Promise<void> {
  const path = flags.file;
  assertFree(path);
  const { withoutQuorum = false, timeout } = flags;
  const candidates = await assuredOrRefused(() => candidatesOf(flags, io), {
    withoutQuorum,
    ...(timeout === undefined ? {} : { timeout }),
  });
  const assurance = assuranceOf(candidates.map(({ status }) => status));
  if (!assurance.quorum) io.writeError(`warning: ${lesserText(assurance)}.\n`);
  const atLeast = Math.max(flags.atLeastOp ?? 0, assurance.knownOp);
  const beginMillis = timeout ?? SILENCE_MILLIS;
  const { head, bytes, from } = await take(path, { candidates, atLeast, beginMillis, io });
  if (flags.output === 'json') {
    const { quorum, answered } = assurance;
    const known = { quorum, replicas_answered: answered };
    writeJson(io, { backup: path, ...headRecord(head), bytes, from, ...known });
    return;
  }
  io.write(
    `backup ${path}: cluster ${head.cluster} as of op ${head.op}, ${bytes} bytes, ` +
      `from replica ${head.slot} at ${from}, ${timeOf(head.createdAt)}` +
      `${assurance.quorum ? '' : '; without a quorum, acknowledged writes may be missing'}\n`,
  );
}

interface Task {
  readonly candidates: readonly Candidate[];
  readonly atLeast: number;
  /** Milliseconds until one begins, of all together. */
  readonly beginMillis: number;
  readonly io: Io;
}

interface Taken {
  readonly head: BackupHead;
  readonly bytes: number;
  /** Address of the replica that gave it. */
  readonly from: string;
}

/** Leaves nothing when it is interrupted: a name of its own each day would fill the disk. */
async function take(path: string, task: Task): Promise<Taken> {
  const progress = new ProgressLine(task.io);
  return await removingUnfinished(async (unfinished) => {
    const writer = await BackupWriter.open(path);
    unfinished.add(partialOf(path));
    let made = false;
    try {
      const from = await takeFromOne(writer, task, progress);
      const { head } = writer.file();
      const bytes = writer.finish((done, total) => progress.show('hashing', done, total));
      made = true;
      return { head, bytes, from };
    } finally {
      progress.clear();
      writer.close({ remove: !made });
      // From here on another one may be writing there.
      unfinished.keep();
    }
  });
}

/** One replica after another, until one gives a backup that is whole. Returns its address. */
async function takeFromOne(
  writer: BackupWriter,
  task: Task,
  progress: ProgressLine,
): Promise<string> {
  const { candidates, atLeast, io } = task;
  let last: CliError | null = null;
  let before = '';
  let beginMillis = task.beginMillis;
  for (const { http } of candidates) {
    if (beginMillis < 1) break;
    // What the last one said is the error that the command ends with.
    if (last !== null) io.writeError(`replica at ${before}: ${last.message}\n`);
    before = http;
    const received = await receiveBackup(writer, {
      http,
      atLeast,
      beginMillis: Math.ceil(beginMillis),
      silenceMillis: SILENCE_MILLIS,
      onProgress: (done, total) => progress.show(`backup from ${http}`, done, total),
    });
    progress.clear();
    beginMillis -= received.beganAfter;
    try {
      if (received.kind === 'failed') throw failure(received.message);
      checkBackup(writer.file(), progress);
      return http;
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      // What one disk has rotten another one has not.
      last = error;
    }
  }
  if (last !== null) throw named(last, before);
  throw cliError('no_answer', 'no replica was asked', 'Check --endpoints or --http.');
}

function failure(message: string): CliError {
  return cliError(
    'no_answer',
    `it gave no backup: ${message}`,
    'No file was made, and the replica goes on. Try again, or another replica with --http.',
  );
}

/** The same of a replica that is named. */
function named({ exitCode, code, message, remedy }: CliError, http: string): CliError {
  return new CliError({ exitCode, code, message: `replica at ${http}: ${message}`, remedy });
}

/** Those that answer; whoever leads comes last, for it has the most to do. */
async function candidatesOf(flags: CreateFlags, io: Io): Promise<Candidate[]> {
  const reports = await askReplicas(flags, io);
  const found = reports.flatMap((report) => ('status' in report ? [report] : []));
  if (found.length === 0) throw noneAnswered(reports);
  const several = severalClusters(reports);
  if (several !== null) throw several;
  return found.sort((first, other) => rankOf(first.status) - rankOf(other.status));
}

function rankOf({ state }: StatusRecord): number {
  if (state.status !== 'normal' || state.syncing) return 2;
  return state.isPrimary ? 1 : 0;
}
