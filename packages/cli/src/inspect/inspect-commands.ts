import type { Command } from 'commander';
import { type OutputFlags, withOutput } from '../connection-options.ts';
import { type Io, writeJson } from '../io.ts';
import { withDataFile } from './data-file-reader.ts';
import {
  checkpointReport,
  type Report,
  superblockReport,
  type WalSlotReport,
  walReport,
} from './reports.ts';

interface WalFlags extends OutputFlags {
  readonly all?: boolean;
}

/** Adds inspect superblock, wal and checkpoint. */
export function addInspectCommands(program: Command, io: Io): void {
  const inspect = program
    .command('inspect')
    .description('Look into a data file. Reads only; best while the replica is stopped.')
    .addHelpText(
      'after',
      `
Examples:
  kimberlite inspect superblock data/replica-0.data
  kimberlite inspect wal data/replica-0.data -o json
  kimberlite inspect checkpoint data/replica-0.data`,
    );
  addReport(inspect, io, {
    name: 'superblock',
    description: 'Identity, sizes, view, and the state of the four copies.',
    report: (path) => withDataFile(path, superblockReport),
  });
  addWal(inspect, io);
  addReport(inspect, io, {
    name: 'checkpoint',
    description: 'The checkpoint that the replica would start from.',
    report: (path) => withDataFile(path, checkpointReport),
  });
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

function addWal(inspect: Command, io: Io): void {
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
      withDataFile(path, (file) => {
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
