import type { StateMachine } from '@kimberlite/vsr';
import { makeFault, type ServerFault } from '../errors.ts';

/** Its name in the superblock of a file that a restore or a verification has not finished. */
const REPLAY_NAME = 'kimberlite.replay';

/**
 * The same machine under a name of its own. On a file that is formatted for it a log is executed
 * as by the machine itself, but no program that runs the machine starts on that file: whatever is
 * left of a restore that was killed can't go on as the old cluster, and give out its revisions a
 * second time.
 */
export function replayMachineOf(machine: StateMachine): StateMachine {
  return {
    name: REPLAY_NAME,
    tables: machine.tables,
    validate: (operation, body) => machine.validate(operation, body),
    replyLimit: (operation, body) => machine.replyLimit(operation, body),
    prefetch: (request, names, read, round) => machine.prefetch(request, names, read, round),
    execute: (request, context) => machine.execute(request, context),
    open: (limits): void => machine.open?.(limits),
    looks: (operation, body) => machine.looks?.(operation, body) ?? 0,
  };
}

/** Whether this is its name: that of no machine which a replica runs. */
export function isReplayName(name: string): boolean {
  return name === REPLAY_NAME;
}

/** What refuses a file of such a machine; null for every other name. */
export function replayFault(path: string, name: string): ServerFault | null {
  if (!isReplayName(name)) return null;
  return makeFault('data_file_unfinished', `${path} was left by a restore that was interrupted`);
}
