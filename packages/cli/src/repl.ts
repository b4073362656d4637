import { createInterface } from 'node:readline';
import { Command, CommanderError } from 'commander';
import { type ConnectionFlags, openClient, withConnection } from './connection-options.ts';
import { type Context, sharedContext } from './context.ts';
import { addDataCommands } from './data/data-commands.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { type CliError, cliErrorOf, errorLine, ofCommanderError } from './fault.ts';
import type { Io } from './io.ts';
import { splitWords } from './words.ts';

/** Adds repl. */
export function addReplCommand(
  program: Command,
  io: Io,
  setExitCode: (code: number) => void,
): void {
  withConnection(program.command('repl'))
    .description('Read commands line by line over one connection: the data commands, help, exit.')
    .addHelpText(
      'after',
      `
Words are split as in a shell: 'single', "double" with \\n \\t \\xNN. Lines may come
from a pipe; then the exit code is that of the first line that failed, and all lines are run.

Examples:
  kimberlite repl
  printf 'put a 1\\nget a\\n' | kimberlite repl`,
    )
    .action(async (flags: ConnectionFlags) => {
      const client = openClient(flags, io, 1);
      try {
        await client.connected();
        const interactive = process.stdin.isTTY === true;
        const lines = readLines(io, interactive);
        const exitCode = await runLines(lines, sharedContext(io, client));
        // A person has seen what failed, and has left on purpose.
        if (!interactive) setExitCode(exitCode);
      } finally {
        await client.close();
      }
    });
}

/** What became of a line. */
export interface LineOutcome {
  /** It was `exit`. */
  readonly leave: boolean;
  readonly exitCode: number;
}

/** Runs lines one after another until one says stop; resolves to the first exit code but 0. */
export async function runLines(lines: AsyncIterable<string>, context: Context): Promise<number> {
  let first: number = EXIT_CODES.ok.code;
  for await (const line of lines) {
    const { leave, exitCode } = await runLine(line, context);
    if (first === EXIT_CODES.ok.code) first = exitCode;
    if (leave) break;
  }
  return first;
}

/** Runs one line; what goes wrong with it is told and ends nothing. */
export async function runLine(line: string, context: Context): Promise<LineOutcome> {
  let exitCode: number = EXIT_CODES.ok.code;
  const setExitCode = (code: number): void => {
    exitCode = code;
  };
  try {
    const words = splitWords(line);
    const [verb] = words;
    if (verb === undefined || verb.startsWith('#')) return { leave: false, exitCode };
    if (verb === 'exit' || verb === 'quit') return { leave: true, exitCode };
    await lineProgram({ ...context, setExitCode }).parseAsync(words, { from: 'user' });
  } catch (error) {
    const known = lineErrorOf(error);
    if (known !== null) {
      context.io.writeError(errorLine(known));
      exitCode = known.exitCode;
    } else if (error instanceof CommanderError && error.exitCode !== 0) {
      exitCode = EXIT_CODES.usage.code;
    }
  }
  return { leave: false, exitCode };
}

/** What is to be told of a line that failed; null for help. Throws what is a bug. */
function lineErrorOf(error: unknown): CliError | null {
  if (error instanceof CommanderError) return ofCommanderError(error);
  const known = cliErrorOf(error);
  if (known === null) throw error;
  return known;
}

function lineProgram(context: Context): Command {
  const { io } = context;
  const program = new Command('repl')
    .usage('<command> ...')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.write(text),
      writeErr: (text) => io.writeError(text),
      outputError: () => {},
    });
  addDataCommands(program, context);
  program.command('exit').description('Leave.');
  return program;
}

/** The lines of standard input; a terminal is prompted for each. */
async function* readLines(io: Io, interactive: boolean): AsyncGenerator<string, void, undefined> {
  if (interactive) io.writeError('kimberlite repl: help shows the commands, exit leaves.\n');
  const lines = createInterface({
    input: process.stdin,
    ...(interactive ? { output: process.stdout } : {}),
    prompt: 'kimberlite> ',
  });
  try {
    if (interactive) lines.prompt();
    for await (const line of lines) {
      yield line;
      if (interactive) lines.prompt();
    }
  } finally {
    lines.close();
  }
}
