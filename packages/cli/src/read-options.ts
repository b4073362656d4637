import type { KeyReadOptions, ReadOptions } from '@kimberlite/client';
import { type Command, InvalidArgumentError } from 'commander';
import { natural } from './connection-options.ts';

/** How a read is to be answered. */
export interface ReadFlags {
  readonly read?: ReadOptions;
}

/** Adds `--read`. */
export function withRead(command: Command): Command {
  return command.option(
    '--read <level>',
    'linearizable (default), bounded=MS (at most so old) or local (as the replica has it)',
    readLevel,
  );
}

/** The client's options for the flags of a command. */
export function readOptionsOf(flags: ReadFlags): ReadOptions {
  return flags.read ?? {};
}

/** How a read of keys is to be answered. */
export interface KeyReadFlags extends ReadFlags {
  readonly revision?: number;
}

/** Adds `--read` and `--revision`. */
export function withKeyRead(command: Command): Command {
  return withRead(command).option(
    '--revision <n>',
    'as it was just after this revision, if that is kept',
    natural,
  );
}

export function keyReadOptionsOf(flags: KeyReadFlags): KeyReadOptions {
  const { revision } = flags;
  return revision === undefined ? readOptionsOf(flags) : { ...readOptionsOf(flags), revision };
}

/** Parses the value of `--read`. */
export function readLevel(text: string): ReadOptions {
  if (text === 'linearizable' || text === 'local') return { consistency: text };
  const millis = /^bounded=([1-9]\d{0,7})$/.exec(text)?.[1];
  if (millis === undefined) {
    throw new InvalidArgumentError(
      'must be linearizable, bounded=MS with milliseconds above zero, or local.',
    );
  }
  return { consistency: { boundedMillis: Number(millis) } };
}
