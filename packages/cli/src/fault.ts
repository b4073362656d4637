import { ClientError } from '@kimberlite/client';
import { isFault, type ServerFault } from '@kimberlite/server';
import type { CommanderError } from 'commander';
import { EXIT_CODES, type ExitName, exitOfClientError } from './exit-codes.ts';

/** Ends a command: one line that says what happened, what was not harmed, and what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  /** Stable name, in brackets at the end of the line. */
  readonly code: string;
  /** Whether nothing was changed for certain. */
  readonly definite: boolean;
  readonly remedy: string;

  constructor(options: {
    readonly exitCode: number;
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
    readonly definite?: boolean;
  }) {
    super(options.message);
    this.exitCode = options.exitCode;
    this.code = options.code;
    this.definite = options.definite ?? true;
    this.remedy = options.remedy;
  }
}

/** An error with an exit code of the table. */
export function cliError(exit: ExitName, message: string, remedy: string): CliError {
  return new CliError({ exitCode: EXIT_CODES[exit].code, code: exit, message, remedy });
}

export function usageError(message: string): CliError {
  return cliError('usage', message, 'See --help of the command; nothing was sent or changed.');
}

/**
 * What commander refused, in the form of all our errors; null when it has only shown the help that
 * was asked for, or that stands for a command that was not given.
 */
export function ofCommanderError(error: CommanderError): CliError | null {
  if (error.exitCode === 0 || error.code === 'commander.help') return null;
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\(Did you mean ([^\n]*)\)$/, '; did you mean $1')
    .replace(/\s*\n\s*/g, ' ');
  return usageError(message);
}

/** The value, or the server's refusal thrown as this program's error. */
export function unwrap<T>(value: T | ServerFault): T {
  if (isFault(value)) throw ofServerFault(value);
  return value;
}

export function ofServerFault(fault: ServerFault): CliError {
  const { exitCode, code, message, remedy } = fault;
  return new CliError({ exitCode, code, message, remedy });
}

/** What ends the program because of an error of any kind; null for what is a bug. */
export function cliErrorOf(error: unknown): CliError | null {
  if (error instanceof CliError) return error;
  if (error instanceof ClientError) {
    return new CliError({
      exitCode: exitOfClientError(error.code, error.definite),
      code: error.code,
      message: error.message,
      remedy: error.remedy,
      definite: error.definite,
    });
  }
  return isFault(error) ? ofServerFault(error) : null;
}

/** The one line that a person sees. */
export function errorLine(error: CliError): string {
  const message = /[.?!]$/.test(error.message) ? error.message : `${error.message}.`;
  return `error: ${message} ${error.remedy} [${error.code}]\n`;
}

/** The same as JSON, for `-o json`. */
export function errorRecord(error: CliError): Readonly<Record<string, unknown>> {
  const { code, message, remedy, definite, exitCode } = error;
  return { error: { code, message, remedy, definite, exit_code: exitCode } };
}
