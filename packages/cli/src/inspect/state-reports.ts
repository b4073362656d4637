import { stateBytesOf } from '@kimberlite/kernel';
import { makeFault, sha256 } from '@kimberlite/server';
import {
  ClientId,
  Forest,
  present,
  type Run,
  readU128,
  runViews,
  type Session,
  Sessions,
  sessionTables,
  TABLE_SESSIONS,
} from '@kimberlite/vsr';
import { refuseOtherMachine } from '../cluster/kernel-machine.ts';
import { type CliError, ofServerFault } from '../fault.ts';
import type { DataFileReader } from './data-file-reader.ts';
import { readBlock, TABLES } from './read-tree.ts';

/** The kernel's table of numbers. */
const META_NAME = 'meta';

/** A table of the checkpoint, as its manifest has it. */
export interface TableReport {
  readonly id: number;
  readonly name: string;
  /** Immutable sorted runs that it consists of. */
  readonly runs: number;
  /** Records of all runs: a key counts once in each run that says something of it. */
  readonly entries: number;
  /** Of the records. */
  readonly bytes: number;
  readonly blocks: number;
  /** Of the table that keeps it: what counts against the limit of the state; null without one. */
  readonly stateBytes: number | null;
}

/** Every table of the checkpoint, the empty ones too. */
export function tableReports(file: DataFileReader): TableReport[] {
  const { tree } = openForest(file);
  const stateBytes = stateBytesReport(file);
  return [...TABLES.values()].map(({ id, name }) => {
    const levels = tree.tables.find(({ table }) => table === id)?.levels ?? [];
    const runs: readonly Run[] = runViews(levels).map(({ run }) => run);
    return {
      id,
      name,
      runs: runs.length,
      entries: runs.reduce((sum, run) => sum + run.records, 0),
      bytes: runs.reduce((sum, run) => sum + run.size, 0),
      blocks: runs.reduce((sum, run) => sum + run.blocks, 0),
      stateBytes: name === META_NAME ? stateBytes : null,
    };
  });
}

/** What the state took at the checkpoint of its limit; null where there is no limit. */
export function stateBytesReport(file: DataFileReader): number | null {
  if (file.config.stateBytesMax === 0) return null;
  const forest = openForest(file);
  const get = (table: number, key: Uint8Array): Uint8Array | null => {
    for (;;) {
      const value = forest.table(table).lookup(key);
      if (value !== 'wanted') return value;
      provideWanted(file, forest);
    }
  };
  return stateBytesOf({ get });
}

/** A session, and how long its stored reply is. */
export interface SessionReport extends Session {
  /** Bytes. */
  readonly replySize: number;
}

/** The sessions of the checkpoint: the one that is evicted next comes first. */
export function sessionReports(file: DataFileReader): SessionReport[] {
  const { sessionsMax } = file.config;
  const forest = openForest(file);
  const sessions = new Sessions(sessionTables(forest), sessionsMax);
  const wait = (): void => provideWanted(file, forest);
  while (!sessions.load()) wait();
  const numbers = forest.table(TABLE_SESSIONS);
  return numbers
    .range(new Uint8Array(0), null, sessionsMax)
    .map(({ key }): SessionReport => {
      const client = ClientId(readU128(new DataView(key.buffer, key.byteOffset, key.length), 0));
      const session = present(sessions.get(client), 'every row of the table is a session');
      for (;;) {
        const reply = sessions.reply(client);
        if (reply !== 'wanted') return { ...session, replySize: reply.length };
        wait();
      }
    })
    .sort((first, other) => first.op - other.op || first.index - other.index);
}

/** The checkpoint's tables, whose blocks are read when they are wanted. */
function openForest(file: DataFileReader): Forest {
  refuseOtherMachine(file.path, file.chosen.state.identity.machine);
  const { blockSize } = file.config;
  // All that is looked at stays: what was read once must not be wanted again.
  const cacheSize = Number.MAX_SAFE_INTEGER;
  const forest = new Forest({
    checksum: sha256,
    blockSize,
    cacheSize,
    tables: [...TABLES.values()],
  });
  forest.beginRestore(file.chosen.state.checkpoint.forestRoot, { whole: false });
  while (!forest.restored) provideWanted(file, forest);
  return forest;
}

function provideWanted(file: DataFileReader, forest: Forest): void {
  const wanted = forest.takeWanted(Number.MAX_SAFE_INTEGER);
  if (wanted.length === 0) throw damaged(file);
  for (const reference of wanted) {
    const result = forest.provide(reference, readBlock(file, reference.address));
    if (result === 'bad') throw damaged(file);
  }
}

function damaged({ path }: DataFileReader): CliError {
  const message = `${path}: blocks of the checkpoint are damaged; inspect integrity names them`;
  return ofServerFault(makeFault('data_file_damaged', message));
}
