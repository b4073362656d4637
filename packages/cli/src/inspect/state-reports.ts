import { makeFault, sha256 } from '@kimberlite/server';
import {
  ClientId,
  Forest,
  present,
  RecordKind,
  type Run,
  readU128,
  type Session,
  Sessions,
  TABLE_SESSIONS,
} from '@kimberlite/vsr';
import { type CliError, ofServerFault } from '../fault.ts';
import type { DataFileReader } from './data-file-reader.ts';
import { type Manifest, TABLES, TreeReader } from './tree-reader.ts';

/** A table of the checkpoint, as its manifest has it. */
export interface TableReport {
  readonly id: number;
  readonly name: string;
  /** Immutable runs that it consists of: the oldest one full, the others changes. */
  readonly runs: number;
  /** Records of all runs: a key counts once in each run that says something of it. */
  readonly entries: number;
  /** Of the records, with their headers. */
  readonly bytes: number;
  readonly blocks: number;
}

/** Every table of the checkpoint, the empty ones too. */
export function tableReports(file: DataFileReader): TableReport[] {
  const manifest = wholeManifest(file, treeReader(file));
  return [...TABLES.values()].map(({ id, name }) => {
    const runs = runsOf(manifest, id);
    return {
      id,
      name,
      runs: runs.length,
      entries: runs.reduce((sum, run) => sum + run.records, 0),
      bytes: runs.reduce((sum, run) => sum + run.size, 0),
      blocks: runs.reduce((sum, run) => sum + run.blocks.length, 0),
    };
  });
}

/** A session, and how long its stored reply is. */
export interface SessionReport extends Session {
  /** Bytes. */
  readonly replySize: number;
}

/** The sessions of the checkpoint: the one that is evicted next comes first. */
export function sessionReports(file: DataFileReader): SessionReport[] {
  const { blockSize, sessionsMax } = file.config;
  const reader = treeReader(file);
  // The table itself folds its runs, as it does when a replica loads them.
  const options = present(TABLES.get(TABLE_SESSIONS), 'the core has a table of sessions');
  const forest = new Forest({ checksum: sha256, blockSize, tables: [options] });
  const table = forest.table(TABLE_SESSIONS);
  for (const run of runsOf(wholeManifest(file, reader), TABLE_SESSIONS)) {
    const whole = reader.run(TABLE_SESSIONS, run, (kind, key, value) => {
      if (kind === RecordKind.put) table.put(key, value);
      else table.delete(key);
    });
    if (!whole) throw damaged(file);
  }
  const sessions = new Sessions(table, sessionsMax);
  sessions.load();
  return table
    .range(new Uint8Array(0), null, sessionsMax)
    .map(({ key }): SessionReport => {
      const client = ClientId(readU128(new DataView(key.buffer, key.byteOffset, key.length), 0));
      const session = present(sessions.get(client), 'every row of the table is a session');
      return { ...session, replySize: sessions.reply(client).length };
    })
    .sort((first, other) => first.op - other.op || first.index - other.index);
}

/** A reader for those who want what stands there, and can do nothing with a part of it. */
function treeReader(file: DataFileReader): TreeReader {
  return new TreeReader(file, { onFault: () => {} });
}

function wholeManifest(file: DataFileReader, reader: TreeReader): Manifest {
  const manifest = reader.manifest();
  if (manifest === null) throw damaged(file);
  return manifest;
}

function runsOf(manifest: Manifest, id: number): readonly Run[] {
  return manifest.tables.find(({ table }) => table === id)?.runs ?? [];
}

function damaged({ path }: DataFileReader): CliError {
  const message = `${path}: blocks of the checkpoint are damaged; inspect integrity names them`;
  return ofServerFault(makeFault('data_file_damaged', message));
}
