import type { KeyEntry, RangeRequest } from '@kimberlite/client';
import { type Command, Option } from 'commander';
import {
  type ConnectionFlags,
  natural,
  type OutputFlags,
  positive,
} from '../connection-options.ts';
import type { Context } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { CliError, usageError } from '../fault.ts';
import { writeJson } from '../io.ts';
import { type KeyReadFlags, keyReadOptionsOf, withKeyRead } from '../read-options.ts';
import { jsonBytes, printable } from '../text.ts';
import { foundJson, recordJson, valueText } from './records.ts';

type Flags = ConnectionFlags & OutputFlags;

/** Adds put, get, del, range and compact. */
export function addKeyCommands(program: Command, context: Context): void {
  addPut(program, context);
  addGet(program, context);
  addDelete(program, context);
  addRange(program, context);
  addCompact(program, context);
}

function addPut(program: Command, context: Context): void {
  const { io } = context;
  context
    .withCluster(program.command('put'))
    .description('Set a key. Returns once the write is durable on a quorum.')
    .argument('<key>')
    .argument('<value>', '- reads it from standard input')
    .option('--previous', 'tell what was there before')
    .addHelpText(
      'after',
      `
Examples:
  kimberlite put greeting "hello, world"
  kimberlite put config - < config.json
  kimberlite put greeting hi --previous -o json`,
    )
    .action(async (key: string, value: string, flags: Flags & { readonly previous?: boolean }) => {
      const bytes = value === '-' ? await io.readInput() : value;
      const previous = flags.previous === true;
      const answer = await context.withClient(flags, (client) => {
        return client.put(key, bytes, { previous });
      });
      if (flags.output === 'json') {
        const before = previous ? { previous: foundJson(answer.previous) } : {};
        writeJson(io, { revision: answer.revision, ...before });
        return;
      }
      io.write(`revision ${answer.revision}\n`);
      if (previous) {
        io.write(`previous ${answer.previous === null ? 'none' : valueText(answer.previous)}\n`);
      }
    });
}

function addGet(program: Command, context: Context): void {
  const { io } = context;
  withKeyRead(context.withCluster(program.command('get')))
    .description('Print the value of a key and a newline. Exit code 3 when the key is absent.')
    .argument('<key>')
    .option('--raw', 'print the bytes of the value, without a newline behind them')
    .addHelpText(
      'after',
      `
Examples:
  kimberlite get greeting
  kimberlite get config --raw > config.json
  kimberlite get greeting --read bounded=500
  kimberlite get greeting --revision 41
  kimberlite get greeting -o json`,
    )
    .action(async (key: string, flags: Flags & KeyReadFlags & { readonly raw?: boolean }) => {
      if (flags.raw === true && flags.output === 'json') {
        throw usageError('--raw prints bytes; it cannot be combined with -o json');
      }
      const found = await context.withClient(flags, (client) => {
        return client.get(key, keyReadOptionsOf(flags));
      });
      if (flags.output === 'json') {
        writeJson(io, { key, ...foundJson(found) });
        if (found === null) context.setExitCode(EXIT_CODES.not_found.code);
        return;
      }
      if (found === null) {
        throw new CliError({
          exitCode: EXIT_CODES.not_found.code,
          code: 'not_found',
          message: `there is no key ${JSON.stringify(key)}`,
          remedy: 'Set it with `kimberlite put`, or look with `kimberlite range`.',
        });
      }
      io.write(found.value);
      if (flags.raw !== true) io.write('\n');
    });
}

function addDelete(program: Command, context: Context): void {
  const { io } = context;
  context
    .withCluster(program.command('del'))
    .description('Delete keys, all in one revision. An absent key is no error.')
    .argument('<keys...>')
    .addHelpText(
      'after',
      `
Examples:
  kimberlite del greeting
  kimberlite del a b c -o json`,
    )
    .action(async (keys: string[], flags: Flags) => {
      const answer = await context.withClient(flags, (client) => client.delete(keys));
      if (flags.output === 'json') writeJson(io, answer);
      else io.write(`deleted ${answer.deleted}\n`);
    });
}

/** Options of `range`, on its own and inside a transaction. */
export function withRangeOptions(command: Command): Command {
  return command
    .argument('[from]', 'first key; left out: the first of all')
    .argument('[to]', 'where to end, excluded; left out: the end')
    .addOption(new Option('--prefix <prefix>', 'all keys that begin with this instead'))
    .option('--limit <n>', 'entries, at most', positive)
    .option('--keys-only', 'leave the values out');
}

export interface RangeFlags {
  readonly prefix?: string;
  readonly limit?: number;
  readonly keysOnly?: boolean;
}

export function rangeRequest(
  from: string | undefined,
  to: string | undefined,
  flags: RangeFlags,
): RangeRequest {
  return {
    ...(flags.prefix === undefined ? {} : { prefix: flags.prefix }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(flags.keysOnly === undefined ? {} : { keysOnly: flags.keysOnly }),
  };
}

function addRange(program: Command, context: Context): void {
  const { io } = context;
  withKeyRead(withRangeOptions(context.withCluster(program.command('range'))))
    .description('Print keys and values in ascending order, a line each, a tab between.')
    .addHelpText(
      'after',
      `
Control characters are escaped (\\n, \\t, \\x00); -o json prints one object a line.

Examples:
  kimberlite range --prefix user/
  kimberlite range a b --limit 10
  kimberlite range --prefix user/ --revision 41
  kimberlite range --keys-only -o json`,
    )
    .action(
      async (
        from: string | undefined,
        to: string | undefined,
        flags: Flags & RangeFlags & KeyReadFlags,
      ) => {
        const print = (entry: KeyEntry): void => {
          if (flags.output === 'json') {
            const record = flags.keysOnly === true ? revisionsJson(entry) : recordJson(entry);
            writeJson(io, { ...jsonBytes('key', entry.key), ...record });
          } else if (flags.keysOnly === true) io.write(`${printable(entry.key)}\n`);
          else io.write(`${printable(entry.key)}\t${valueText(entry)}\n`);
        };
        await context.withClient(flags, async (client) => {
          let left = flags.limit ?? Number.POSITIVE_INFINITY;
          for await (const entry of client.scan(
            rangeRequest(from, to, flags),
            keyReadOptionsOf(flags),
          )) {
            if (left <= 0) return;
            print(entry);
            left -= 1;
          }
        });
      },
    );
}

function addCompact(program: Command, context: Context): void {
  context
    .withCluster(program.command('compact'))
    .description('Give up the revisions below one, in all namespaces. It never goes back.')
    .argument('<revision>', 'the lowest that stays readable', natural)
    .addHelpText(
      'after',
      `
Older revisions are there only in a cluster that was formatted with --history-revisions; it
compacts by itself, that many revisions behind the newest. Prints the lowest readable revision.

Example:
  kimberlite compact 120000`,
    )
    .action(async (revision: number, flags: Flags) => {
      const answer = await context.withClient(flags, (client) => client.compact(revision));
      if (flags.output === 'json') writeJson(context.io, answer);
      else context.io.write(`readable from revision ${answer.watermark}\n`);
    });
}

function revisionsJson(entry: KeyEntry): Readonly<Record<string, unknown>> {
  const { value_withheld: _withheld, ...revisions } = recordJson(entry);
  return revisions;
}
