import { hex128 } from '@kimberlite/server';
import type { Command } from 'commander';
import {
  type MachineFlags,
  type MakeMachine,
  machineFor,
  withMachine,
} from '../cluster/machine-module.ts';
import { type OutputFlags, withOutput } from '../connection-options.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { CliError } from '../fault.ts';
import { type Io, writeJson } from '../io.ts';
import { ProgressLine } from '../progress.ts';
import { tableText } from '../text.ts';
import {
  type DataFileReader,
  readerOf,
  withAnyDataFile,
  withDataFile,
  withOfflineFile,
} from './data-file-reader.ts';
import { type Finding, findingJson, findingText, kindsText } from './finding.ts';
import { checkIntegrity } from './integrity.ts';
import {
  checkpointReport,
  type Report,
  superblockReport,
  type WalSlotReport,
  walReport,
} from './reports.ts';
import {
  isOfKernel,
  type SessionReport,
  sessionReports,
  stateBytesReport,
  tableReports,
} from './state-reports.ts';

interface WalFlags extends OutputFlags {
  readonly all?: boolean;
}

/** Adds inspect superblock, wal, checkpoint, sessions, tables and integrity. */
export function addInspectCommands(
  program: Command,
  io: Io,
  setExitCode: (code: number) => void,
): void {
  const inspect = program
    .command('inspect')
    .description('Look into a data file. Reads only; best while the replica is stopped.')
    .addHelpText(
      'after',
      `
sessions, tables and integrity read the checkpoint and lock the file meanwhile: exit code 28 when a
replica has it open.

Examples:
  kimberlite inspect superblock data/replica-0.data
  kimberlite inspect wal data/replica-0.data -o json
  kimberlite inspect integrity data/replica-0.data`,
    );
  const tellRefusal = (refusal: CliError | null): void => {
    if (refusal === null) return;
    io.writeError(
      `${refusal.message} [${refusal.code}]. No replica can be started on it; what is shown ` +
        `beside the four copies is what the newest valid one says.\n`,
    );
    setExitCode(EXIT_CODES.damaged.code);
  };
  addReport(inspect, io, {
    name: 'superblock',
    description: 'Identity, sizes, view, and the state of the four copies.',
    report: (path) =>
      withAnyDataFile(path, (file, refusal) => {
        tellRefusal(refusal);
        return superblockReport(file);
      }),
  });
  addWal(inspect, io, tellRefusal);
  addReport(inspect, io, {
    name: 'checkpoint',
    description: 'The checkpoint that the replica would start from.',
    report: (path) => withDataFile(path, checkpointReport),
  });
  addSessions(inspect, io);
  addTables(inspect, io);
  addIntegrity(inspect, io, setExitCode);
}

interface ReportCommand {
  readonly name: string;
  readonly description: string;
  readonly report: (path: string) => Report;
}

function addReport(inspect: Command, io: Io, command: ReportCommand): void {
  withOutput(inspect.command(command.name))
    .description(command.description)
    .argument('<data-file>')
    .addHelpText('after', `\nExample:\n  kimberlite inspect ${command.name} data/replica-0.data`)
    .action((path: string, flags: OutputFlags) => {
      const report = command.report(path);
      if (flags.output === 'json') writeJson(io, report);
      else io.write(reportText(report));
    });
}

function addWal(inspect: Command, io: Io, tellRefusal: (refusal: CliError | null) => void): void {
  withOutput(inspect.command('wal'))
    .description(
      'The slots of the log: op, view, requests, and whether both copies of a header agree.',
    )
    .argument('<data-file>')
    .option('--all', 'show slots that were never used, too')
    .addHelpText(
      'after',
      `
Examples:
  kimberlite inspect wal data/replica-0.data
  kimberlite inspect wal data/replica-0.data --all -o json`,
    )
    .action((path: string, flags: WalFlags) => {
      withAnyDataFile(path, (file, refusal) => {
        tellRefusal(refusal);
        if (flags.output === 'text') io.write(walHeading());
        for (const slot of walReport(file)) {
          const unused = slot.header === 'reserved' && slot.prepare === 'reserved';
          if (unused && flags.all !== true) continue;
          if (flags.output === 'json') writeJson(io, slot);
          else io.write(walLine(slot));
        }
      });
    });
}

/** A list, one thing a line, of the checkpoint of a file that nobody has open. */
function addList<T>(
  inspect: Command,
  io: Io,
  list: {
    readonly name: string;
    readonly description: string;
    readonly read: (file: DataFileReader, makeMachine: MakeMachine) => readonly T[];
    readonly json: (item: T) => Report;
    readonly heading: readonly string[];
    readonly cells: (item: T) => readonly string[];
    /** What stands below the table. */
    readonly note?: (file: DataFileReader, makeMachine: MakeMachine) => string;
  },
): void {
  withMachine(withOutput(inspect.command(list.name)))
    .description(list.description)
    .argument('<data-file>')
    .addHelpText(
      'after',
      `
Examples:
  kimberlite inspect ${list.name} data/replica-0.data
  kimberlite inspect ${list.name} data/replica-0.data -o json`,
    )
    .action(async (path: string, flags: OutputFlags & MachineFlags) => {
      const { items, note } = await withOfflineFile(path, async (raw) => {
        const file = readerOf(raw);
        const makeMachine = await machineFor(path, file.chosen.state.identity.machine, flags);
        const note = `${list.note?.(file, makeMachine) ?? ''}${checkpointNote(file)}`;
        return { items: list.read(file, makeMachine), note };
      });
      if (flags.output === 'json') for (const item of items) writeJson(io, list.json(item));
      else io.write(tableText([list.heading, ...items.map(list.cells)]) + note);
    });
}

/** Without it a file whose log was not executed yet would look like an empty one. */
function checkpointNote({ chosen }: DataFileReader): string {
  const { op } = chosen.state.checkpoint;
  return `as of the checkpoint at op ${op}: what the log holds above it is not in here\n`;
}

function addSessions(inspect: Command, io: Io): void {
  addList<SessionReport>(inspect, io, {
    name: 'sessions',
    description: 'The client sessions of the checkpoint; the next to be evicted comes first.',
    read: sessionReports,
    json: (session) => ({
      client: hex128(session.client),
      session: session.session,
      request: session.request,
      operation: session.operation,
      op: session.op,
      index: session.index,
      timestamp: session.timestamp,
      reply_bytes: session.replySize,
    }),
    heading: ['CLIENT', 'SESSION', 'REQUEST', 'OP', 'INDEX', 'REPLY', 'LAST USED'],
    cells: (session) => [
      hex128(session.client),
      String(session.session),
      String(session.request),
      String(session.op),
      String(session.index),
      String(session.replySize),
      new Date(session.timestamp / 1000).toISOString(),
    ],
  });
}

function addTables(inspect: Command, io: Io): void {
  addList(inspect, io, {
    name: 'tables',
    description: 'The tables of the checkpoint: runs, records in them, bytes and blocks.',
    read: tableReports,
    json: ({ stateBytes, ...table }) => ({
      ...table,
      ...(stateBytes === null ? {} : { state_bytes: stateBytes }),
    }),
    note: (file, makeMachine) => {
      if (!isOfKernel(file)) return '';
      const bytes = stateBytesReport(file, makeMachine);
      if (bytes === null) return 'state: no limit\n';
      const { stateBytesMax } = file.config;
      const share = Math.floor((100 * bytes) / stateBytesMax);
      return `state: ${bytes} of ${stateBytesMax} bytes (${share}%) at the checkpoint\n`;
    },
    heading: ['ID', 'NAME', 'RUNS', 'ENTRIES', 'BYTES', 'BLOCKS'],
    cells: ({ id, name, runs, entries, bytes, blocks }) => [
      String(id),
      name,
      String(runs),
      String(entries),
      String(bytes),
      String(blocks),
    ],
  });
}

function addIntegrity(inspect: Command, io: Io, setExitCode: (code: number) => void): void {
  withOutput(inspect.command('integrity'))
    .description('Check everything in a data file that a replica would believe.')
    .argument('<data-file>')
    .addHelpText(
      'after',
      `
A line for each finding, with its place and what repairs it, after how many there are of each
kind; then a summary. "damage" is what is
not as it was written: exit code ${EXIT_CODES.damaged.code}. "note" is what a crash leaves, or
rot where nothing is in use. The file is locked meanwhile and not changed.

Examples:
  kimberlite inspect integrity data/replica-0.data
  kimberlite inspect integrity data/replica-0.data -o json`,
    )
    .action(async (path: string, flags: OutputFlags) => {
      const progress = new ProgressLine(io);
      const json = flags.output === 'json';
      // For people what there is of each kind comes first: a file that was cut has a line a slot.
      const findings: Finding[] = [];
      const result = await withOfflineFile(path, (file) => {
        return checkIntegrity(
          file,
          (finding) => {
            if (json) writeJson(io, findingJson(finding));
            else findings.push(finding);
          },
          progress,
        );
      });
      if (json) {
        writeJson(io, { result: result.damages === 0 ? 'sound' : 'damaged', ...result.report });
      } else {
        io.write(kindsText(findings));
        for (const finding of findings) io.write(findingText(finding));
        io.write(reportText(result.report));
      }
      if (result.damages > 0) setExitCode(EXIT_CODES.damaged.code);
    });
}

/** One `name  value` line for each field. */
function reportText(report: Report): string {
  const width = Math.max(...Object.keys(report).map((name) => name.length));
  const lines = Object.entries(report).map(([name, value]) => {
    const text = Array.isArray(value) ? value.join(', ') : String(value);
    return `${name.padEnd(width)}  ${text}`;
  });
  return `${lines.join('\n')}\n`;
}

function walHeading(): string {
  return '  SLOT        OP   VIEW  REQUESTS      SIZE  HEADER    PREPARE   CHECKSUM\n';
}

function walLine(slot: WalSlotReport): string {
  const cells = [
    String(slot.slot).padStart(6),
    String(slot.op ?? '-').padStart(9),
    String(slot.view ?? '-').padStart(6),
    String(slot.requests ?? '-').padStart(9),
    String(slot.size ?? '-').padStart(9),
    ` ${slot.header.padEnd(9)}`,
    slot.prepare.padEnd(9),
    slot.checksum ?? '-',
  ];
  return `${cells.join(' ')}${slot.agree ? '' : '  (differ)'}\n`;
}
