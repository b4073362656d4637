import { type Command, Option } from 'commander';
import { usageError } from './fault.ts';

/**
 * Refuses an option under a name that people expect, with the one that it has here. It is no
 * second name: there is one for each thing, so that scripts and texts can be compared.
 */
export function otherName(command: Command, expected: string, here: string): Command {
  const option = new Option(`${expected} <value>`).hideHelp().argParser(() => {
    throw usageError(`unknown option '${expected}'; here it is ${here}`);
  });
  return command.addOption(option);
}
