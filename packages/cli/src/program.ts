import { VERSION } from '@kimberlite/server';
import { Command, CommanderError } from 'commander';
import { addBackupCommands } from './backup/backup-commands.ts';
import { addBenchCommand } from './bench/bench-command.ts';
import { oneShotContext } from './context.ts';
import { addDataCommands } from './data/data-commands.ts';
import { addDevCommand } from './dev/dev-command.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { type CliError, cliErrorOf, errorLine, errorRecord, ofCommanderError } from './fault.ts';
import { addInspectCommands } from './inspect/inspect-commands.ts';
import { type Io, writeJson } from './io.ts';
import { addReplCommand } from './repl.ts';
import { addFormatCommand } from './replica/format-command.ts';
import { addRecoverCommand } from './replica/recover-command.ts';
import { addStartCommand } from './replica/start-command.ts';
import { addStatusCommand } from './status.ts';
import { addVerifyCommands } from './verify/verify-commands.ts';
import { addVersionCommand } from './version.ts';

/**
 * Runs one command line (without node and script) and resolves to the exit code. What is expected
 * to go wrong is told in one line on standard error, or as JSON on standard output after `-o json`;
 * a bug is thrown.
 */
export async function runProgram(words: readonly string[], io: Io): Promise<number> {
  let exitCode: number = EXIT_CODES.ok.code;
  const program = buildProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      const refused = ofCommanderError(error);
      if (refused !== null) return tell(refused, words, io);
      return error.exitCode === 0 ? EXIT_CODES.ok.code : EXIT_CODES.usage.code;
    }
    const known = cliErrorOf(error);
    if (known === null) throw error;
    return tell(known, words, io);
  }
}

/** Says what ended the program, once for people and once for scripts that asked for JSON. */
function tell(error: CliError, words: readonly string[], io: Io): number {
  if (wantsJson(words)) writeJson(io, errorRecord(error));
  io.writeError(errorLine(error));
  return error.exitCode;
}

/** The whole command line; `setExitCode` is for commands that print a result and still fail. */
export function buildProgram(io: Io, setExitCode: (code: number) => void): Command {
  const program = new Command('kimberlite')
    .description('A replicated, durable, verifiable key-value and event store.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.write(text),
      writeErr: (text) => io.writeError(text),
      // Told by runProgram, in the one line of all errors.
      outputError: () => {},
    })
    .version(VERSION, '-V, --version')
    .addHelpText(
      'after',
      `
Begin with:
  kimberlite dev                          # a cluster of three replicas on this machine
  kimberlite put greeting "hello, world"  # in another terminal
  kimberlite get greeting

Exit codes: 0 done, 2 usage, 3 not found, 4 no answer, 5 refused; all of them in docs/cli.md.`,
    );
  addDevCommand(program, io, setExitCode);
  addFormatCommand(program, io);
  addStartCommand(program, io);
  addRecoverCommand(program, io);
  addStatusCommand(program, io, setExitCode);
  addDataCommands(program, oneShotContext(io, setExitCode));
  addReplCommand(program, io, setExitCode);
  addBenchCommand(program, io, setExitCode);
  addInspectCommands(program, io, setExitCode);
  addVerifyCommands(program, oneShotContext(io, setExitCode));
  addBackupCommands(program, io);
  addVersionCommand(program, io);
  return program;
}

/** Whether the command line asks for JSON; looked up by hand, for it may not even parse. */
function wantsJson(words: readonly string[]): boolean {
  return words.some((word, at) => {
    if (word === '--output=json' || word === '-ojson') return true;
    return (word === '-o' || word === '--output') && words[at + 1] === 'json';
  });
}
