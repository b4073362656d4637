import { createInterface } from 'node:readline';
import { Command, CommanderError } from 'commander';
import { type ConnectionFlags, openClient, withConnection } from './connection-options.ts';
import { type Context, sharedContext } from './context.ts';
import { addKeyCommands } from './data/key-commands.ts';
import { addStreamCommands } from './data/stream-commands.ts';
import { addTxnCommand } from './data/txn-command.ts';
import { cliErrorOf, errorLine } from './fault.ts';
import type { Io } from './io.ts';
import { splitWords } from './words.ts';

/** Adds the data commands, which a shell and the repl share. */
export function addDataCommands(program: Command, context: Context): void {
  addKeyCommands(program, context);
  addTxnCommand(program, context);
  addStreamCommands(program, context);
}

/** Adds repl. */
export function addReplCommand(program: Command, io: Io): void {
  withConnection(program.command('repl'))
    .description('Read commands line by line over one connection: the data commands, help, exit.')
    .addHelpText(
      'after',
      `
Words are split as in a shell: 'single', "double" with \\n \\t \\xNN. Lines may come from a pipe.

Examples:
  kimberlite repl
  printf 'put a 1\\nget a\\n' | kimberlite repl`,
    )
    .action(async (flags: ConnectionFlags) => {
      const client = openClient(flags, io, 1);
      try {
        await client.connected();
        await readLines(io, async (line) => runLine(line, sharedContext(io, client)));
      } finally {
        await client.close();
      }
    });
}

/** Runs one line; what goes wrong with it is told and ends nothing. True: the line was `exit`. */
export async function runLine(line: string, context: Context): Promise<boolean> {
  const { io } = context;
  try {
    const words = splitWords(line);
    const [verb] = words;
    if (verb === undefined || verb.startsWith('#')) return false;
    if (verb === 'exit' || verb === 'quit') return true;
    await lineProgram(context).parseAsync(words, { from: 'user' });
  } catch (error) {
    // Commander has already printed its help or complaint.
    if (error instanceof CommanderError) return false;
    const known = cliErrorOf(error);
    if (known === null) throw error;
    io.writeError(errorLine(known));
  }
  return false;
}

function lineProgram(context: Context): Command {
  const { io } = context;
  const program = new Command('repl')
    .usage('<command> ...')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.write(text),
      writeErr: (text) => io.writeError(text),
    })
    .showHelpAfterError('(help shows the commands)');
  addDataCommands(program, context);
  program.command('exit').description('Leave.');
  return program;
}

/** Calls back for each line, one after another, until one says stop or the input ends. */
async function readLines(io: Io, run: (line: string) => Promise<boolean>): Promise<void> {
  const interactive = process.stdin.isTTY === true;
  if (interactive) io.writeError('kimberlite repl: help shows the commands, exit leaves.\n');
  const lines = createInterface({
    input: process.stdin,
    ...(interactive ? { output: process.stdout } : {}),
    prompt: 'kimberlite> ',
  });
  try {
    if (interactive) lines.prompt();
    for await (const line of lines) {
      if (await run(line)) return;
      if (interactive) lines.prompt();
    }
  } finally {
    lines.close();
  }
}
