import type { Command } from 'commander';
import {
  type ConnectionFlags,
  natural,
  type OutputFlags,
  positive,
} from '../connection-options.ts';
import type { Context } from '../context.ts';
import { writeJson } from '../io.ts';
import { otherName } from '../other-name.ts';
import { type ReadFlags, readOptionsOf, withRead } from '../read-options.ts';
import { hexOf, jsonBytes, printable } from '../text.ts';

type Flags = ConnectionFlags & OutputFlags;

/** Adds stream create, append, read and length. */
export function addStreamCommands(program: Command, context: Context): void {
  const stream = program
    .command('stream')
    .description('Append-only event streams with a SHA-256 chain over their events.')
    .addHelpText(
      'after',
      `
Examples:
  kimberlite stream create audit
  kimberlite stream append audit "user 7 logged in"
  kimberlite stream read audit --offset 0`,
    );
  addCreate(stream, context);
  addAppend(stream, context);
  addRead(stream, context);
  addLength(stream, context);
}

function addCreate(stream: Command, context: Context): void {
  context
    .withCluster(stream.command('create'))
    .description('Make an empty stream. Exit code 5 when it is already there.')
    .argument('<stream>')
    .addHelpText('after', '\nExample:\n  kimberlite stream create audit')
    .action(async (name: string, flags: Flags) => {
      const answer = await context.withClient(flags, (client) => client.stream.create(name));
      if (flags.output === 'json') writeJson(context.io, answer);
      else context.io.write(`revision ${answer.revision}\n`);
    });
}

function addAppend(stream: Command, context: Context): void {
  const { io } = context;
  const append = context.withCluster(stream.command('append'));
  otherName(append, '--offset', '--expect, the length that the stream must have')
    .description('Append events, all or none. Exit code 5 when --expect does not hold.')
    .argument('<stream>')
    .argument('<events...>', 'a single - reads one event from standard input')
    .option('--expect <offset>', 'only if the stream has this length', natural)
    .addHelpText(
      'after',
      `
Examples:
  kimberlite stream append audit "first" "second"
  kimberlite stream append audit "third" --expect 2`,
    )
    .action(async (name: string, words: string[], flags: Flags & { readonly expect?: number }) => {
      const alone = words.length === 1 && words[0] === '-';
      const events = alone ? [await io.readInput()] : words;
      const expected = flags.expect === undefined ? {} : { expectedOffset: flags.expect };
      const answer = await context.withClient(flags, (client) => {
        return client.stream.append(name, events, expected);
      });
      const { offset, length, revision, chain } = answer;
      if (flags.output === 'json') writeJson(io, { offset, length, revision, chain: hexOf(chain) });
      else io.write(`offset ${offset} length ${length}\n`);
    });
}

function addRead(stream: Command, context: Context): void {
  const { io } = context;
  withRead(context.withCluster(stream.command('read')))
    .description('Print events, a line each: offset, tab, event.')
    .argument('<stream>')
    .option('--offset <n>', 'first event', natural, 0)
    .option('--limit <n>', 'events, at most (default: all)', positive)
    .addHelpText(
      'after',
      `
Examples:
  kimberlite stream read audit
  kimberlite stream read audit --offset 100 --limit 10 -o json`,
    )
    .action(
      async (
        name: string,
        flags: Flags & ReadFlags & { readonly offset: number; readonly limit?: number },
      ) => {
        await context.withClient(flags, async (client) => {
          let left = flags.limit ?? Number.POSITIVE_INFINITY;
          for (let offset = flags.offset; left > 0; ) {
            const limit = Math.min(left, 1024);
            const page = await client.stream.read(name, {
              ...readOptionsOf(flags),
              offset,
              limit,
            });
            for (const [index, event] of page.events.entries()) {
              const at = offset + index;
              if (flags.output === 'json')
                writeJson(io, { offset: at, ...jsonBytes('event', event) });
              else io.write(`${at}\t${printable(event)}\n`);
            }
            left -= page.events.length;
            offset = page.next;
            if (!page.more) return;
          }
        });
      },
    );
}

function addLength(stream: Command, context: Context): void {
  withRead(context.withCluster(stream.command('length')))
    .description('Print the number of events. Exit code 3 when there is no such stream.')
    .argument('<stream>')
    .addHelpText('after', '\nExample:\n  kimberlite stream length audit -o json')
    .action(async (name: string, flags: Flags & ReadFlags) => {
      const answer = await context.withClient(flags, (client) => {
        return client.stream.length(name, readOptionsOf(flags));
      });
      if (flags.output === 'json') {
        writeJson(context.io, { length: answer.length, chain: hexOf(answer.chain) });
      } else context.io.write(`${answer.length}\n`);
    });
}
