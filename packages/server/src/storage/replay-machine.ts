import type { StateMachine } from '@kimberlite/vsr';
import { REPLAY_NAME } from './unfinished-owner.ts';

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
