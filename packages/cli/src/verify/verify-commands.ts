import type { Command } from 'commander';
import { type ConnectionFlags, type OutputFlags, withOutput } from '../connection-options.ts';
import type { Context } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { readerOf, withOfflineFile } from '../inspect/data-file-reader.ts';
import { slotOffset } from '../inspect/finding.ts';
import { writeJson } from '../io.ts';
import { ProgressLine } from '../progress.ts';
import { hexOf, printable } from '../text.ts';
import { verifyLog } from './log-chain.ts';
import { verifyStream } from './stream-chain.ts';

/** Adds verify stream and log. */
export function addVerifyCommands(program: Command, context: Context): void {
  const verify = program
    .command('verify')
    .description('Prove a hash chain, of a stream or of the log, and name its first broken link.')
    .addHelpText(
      'after',
      `
Exit code ${EXIT_CODES.damaged.code} when a chain is broken.

Examples:
  kimberlite verify stream audit
  kimberlite verify log data/replica-0.data`,
    );
  addStream(verify, context);
  addLog(verify, context);
}

function addStream(verify: Command, context: Context): void {
  const { io } = context;
  context
    .withCluster(verify.command('stream'))
    .description('Read all events, work out their SHA-256 chain, compare it with the one kept.')
    .argument('<stream>')
    .addHelpText(
      'after',
      `
The chain of docs/kernel.md is worked out from the events alone. Keep the chain that is printed:
whoever has it can prove later that nothing before was changed.

Examples:
  kimberlite verify stream audit
  kimberlite verify stream audit -o json`,
    )
    .action(async (name: string, flags: ConnectionFlags & OutputFlags) => {
      const progress = new ProgressLine(io);
      const verdict = await context.withClient(flags, ({ stream }) => {
        const source = {
          length: () => stream.length(name),
          read: (offset: number, limit: number) => stream.read(name, { offset, limit }),
        };
        return verifyStream(source, (done, total) => progress.show('events', done, total));
      });
      progress.clear();
      const json = flags.output === 'json';
      if (verdict.kind === 'whole') {
        const { events } = verdict;
        const chain = hexOf(verdict.chain);
        if (json) writeJson(io, { result: 'whole', stream: name, events, chain });
        else io.write(`whole: ${events} events, chain ${chain}\n`);
        return;
      }
      const { offset } = verdict;
      const expected = hexOf(verdict.expected);
      const found = hexOf(verdict.found);
      if (json) writeJson(io, { result: 'broken', stream: name, offset, expected, found });
      else
        io.write(`${brokenText(printable(Buffer.from(name)), offset)}${expected}, not ${found}\n`);
      context.setExitCode(EXIT_CODES.damaged.code);
    });
}

function brokenText(name: string, offset: number): string {
  const where =
    offset === 0 ? 'before its first event' : `between events ${offset - 1} and ${offset}`;
  return `broken: stream ${name} ${where}: the chain there should be `;
}

function addLog(verify: Command, context: Context): void {
  const { io } = context;
  withOutput(verify.command('log'))
    .description(
      'Follow the hash chain of the prepares in the data file of a replica that is stopped.',
    )
    .argument('<data-file>')
    .addHelpText(
      'after',
      `
From the checkpoint to the head: each prepare names the checksum of the one before. An op that a
crash kept from this disk breaks the chain too; inspect integrity says what repairs it.

Example:
  kimberlite verify log data/replica-0.data`,
    )
    .action(async (path: string, flags: OutputFlags) => {
      const progress = new ProgressLine(io);
      const verdict = await withOfflineFile(path, (raw) => {
        const file = readerOf(raw);
        const found = verifyLog(file, (done, total) => progress.show('log', done, total));
        const { broken } = found;
        if (broken === null) return { ...found, broken };
        const offset = slotOffset(file.config, 'wal_prepares', broken.slot);
        return { ...found, broken: { ...broken, offset } };
      });
      progress.clear();
      const { checkpointOp, headOp, headChecksum, broken } = verdict;
      if (flags.output === 'json') {
        writeJson(io, {
          result: broken === null ? 'whole' : 'broken',
          data_file: path,
          checkpoint_op: checkpointOp,
          head_op: headOp,
          head_checksum: headChecksum,
          broken,
        });
      } else if (broken === null) {
        io.write(`whole: checkpoint ${checkpointOp} to op ${headOp}, ${headChecksum}\n`);
      } else {
        const { op, slot, offset, problem } = broken;
        io.write(`broken: op ${op} (wal_prepares slot ${slot}, byte ${offset}): ${problem}\n`);
      }
      if (broken !== null) context.setExitCode(EXIT_CODES.damaged.code);
    });
}
