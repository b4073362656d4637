import { stateBytesOf } from '@kimberlite/kernel';
import { makeFault, sha256 } from '@kimberlite/server';
import {
  ClientId,
  CORE_TABLES,
  Forest,
  present,
  type Run,
  readU128,
  runViews,
  type Session,
  Sessions,
  sessionTables,
  TABLE_SESSIONS,
  type TableOptions,
} from '@kimberlite/vsr';
import { KERNEL_MACHINE } from '../cluster/kernel-machine.ts';
import type { MakeMachine } from '../cluster/machine-module.ts';
import { type CliError, ofServerFault } from '../fault.ts';
import type { DataFileReader } from './data-file-reader.ts';
import { readBlock } from './read-tree.ts';

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
export function tableReports(file: DataFileReader, makeMachine: MakeMachine): TableReport[] {
  const { tree } = openForest(file, makeMachine);
  const stateBytes = stateBytesReport(file, makeMachine);
  return tablesWith(makeMachine).map(({ id, name }) => {
    const levels = tree.tables.find(({ table }) => table === id)?.levels ?? [];
    const runs: readonly Run[] = runViews(levels).map(({ run }) => run);
    return {
      id,
      name,
      runs: runs.length,
      entries: runs.reduce((sum, run) => sum + run.records, 0),
      bytes: runs.reduce((sum, run) => sum + run.size, 0),
      blocks: runs.reduce((sum, run) => sum + run.blocks, 0),
      stateBytes: stateBytes !== null && name === META_NAME ? stateBytes : null,
    };
  });
}

/**
 * What the state took at the checkpoint of its limit; null where there is no limit, or another
 * machine than the kernel keeps count of it.
 */
export function stateBytesReport(file: DataFileReader, makeMachine: MakeMachine): number | null {
  if (file.config.stateBytesMax === 0 || !isOfKernel(file)) return null;
  const forest = openForest(file, makeMachine);
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
export function sessionReports(file: DataFileReader, makeMachine: MakeMachine): SessionReport[] {
  const { sessionsMax } = file.config;
  const forest = openForest(file, makeMachine);
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

/** Whether the kernel made the state. */
export function isOfKernel({ chosen }: DataFileReader): boolean {
  return chosen.state.identity.machine.id === KERNEL_MACHINE.id;
}

/** The core's tables and those of the machine. */
function tablesWith(makeMachine: MakeMachine): TableOptions[] {
  return [...CORE_TABLES, ...makeMachine().tables];
}

/** The checkpoint's tables, whose blocks are read when they are wanted. */
function openForest(file: DataFileReader, makeMachine: MakeMachine): Forest {
  const { blockSize } = file.config;
  // All that is looked at stays: what was read once must not be wanted again.
  const cacheSize = Number.MAX_SAFE_INTEGER;
  const forest = new Forest({
    checksum: sha256,
    blockSize,
    cacheSize,
    tables: tablesWith(makeMachine),
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
