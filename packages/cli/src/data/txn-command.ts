import type { Command } from 'commander';
import type { ConnectionFlags, OutputFlags } from '../connection-options.ts';
import type { Context } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { CliError, usageError } from '../fault.ts';
import { writeJson } from '../io.ts';
import { operationJson, operationLines } from './records.ts';
import { parseCompare, parseOperation } from './txn-grammar.ts';

interface TxnFlags extends ConnectionFlags, OutputFlags {
  readonly if: readonly string[];
  readonly then: readonly string[];
  readonly else: readonly string[];
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

/** Adds txn. */
export function addTxnCommand(program: Command, context: Context): void {
  const { io } = context;
  context
    .withCluster(program.command('txn'))
    .description('Compare keys, then do one of two lists of operations, all in one revision.')
    .option('--if <compare>', 'must hold for --then (repeat for more)', collect, [])
    .option('--then <operation>', 'what to do when every --if holds (repeat)', collect, [])
    .option('--else <operation>', 'what to do otherwise (repeat)', collect, [])
    .addHelpText(
      'after',
      `
Compares:    exists KEY | absent KEY | value KEY = VALUE
             mod_revision KEY = N | create_revision KEY = N | version KEY = N
             (relations: = != > <; a value of an absent key is never equal nor unequal)
Operations:  put KEY VALUE | get KEY | del KEY... | range PREFIX [LIMIT]
Words with blanks go in quotes: --then 'put greeting "hello, world"'
Exit code 5 when the compares do not hold and there is no --else: nothing was changed.

Examples:
  kimberlite txn --if 'absent lock' --then 'put lock me'
  kimberlite txn --if 'value a = 1' --then 'put a 2' --then 'put b 1' --else 'get a'`,
    )
    .action(async (flags: TxnFlags) => {
      if (flags.then.length === 0 && flags.else.length === 0) {
        throw usageError('a transaction needs a --then or an --else');
      }
      const request = {
        compares: flags.if.map(parseCompare),
        then: flags.then.map(parseOperation),
        else: flags.else.map(parseOperation),
      };
      const outcome = await context.withClient(flags, (client) => client.txn(request));
      const { succeeded, revision, results } = outcome;
      if (flags.output === 'json') {
        writeJson(io, { succeeded, revision, results: results.map(operationJson) });
      } else {
        io.write(`${succeeded ? 'then' : 'else'}: revision ${revision ?? 'unchanged'}\n`);
        for (const result of results) {
          for (const line of operationLines(result)) io.write(`${line}\n`);
        }
      }
      if (succeeded || request.else.length > 0) return;
      const exitCode = EXIT_CODES.refused.code;
      // The result says it; with JSON there is no other line.
      if (flags.output === 'json') return context.setExitCode(exitCode);
      throw new CliError({
        exitCode,
        code: 'compare_failed',
        message: 'the compares do not hold, and there is no --else',
        remedy: 'Nothing was changed. Read the keys and decide again, or add an --else.',
      });
    });
}
