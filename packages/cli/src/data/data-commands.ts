import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { addKeyCommands } from './key-commands.ts';
import { addStreamCommands } from './stream-commands.ts';
import { addTxnCommand } from './txn-command.ts';

/** Adds the data commands, which a shell and the repl share. */
export function addDataCommands(program: Command, context: Context): void {
  addKeyCommands(program, context);
  addTxnCommand(program, context);
  addStreamCommands(program, context);
}
