import { type FatalReason, StateMachineError } from '@kimberlite/vsr';
import { faultLine, makeFault, type ServerFault } from './errors.ts';

/** Why the core gives up, as one of the server's errors. */
export function fatalFault(reason: FatalReason, path: string): ServerFault {
  if (reason === 'diverged') {
    return makeFault('diverged', `the state of ${path} is not that of its peers`);
  }
  if (reason === 'wrong_identity') {
    return makeFault('data_file_wrong_replica', `${path} names another replica inside`);
  }
  if (reason === 'other_incarnation') {
    return makeFault('data_file_replaced', `peers know another file than ${path} as this member`);
  }
  if (reason === 'rolled_back') {
    return makeFault('data_file_rolled_back', `${path} holds less than this member has promised`);
  }
  return makeFault('data_file_damaged', `${path}: ${reason}`);
}

/** The end of the process after a fault that it cannot outlive. */
export function exitWith(fault: ServerFault): void {
  process.stderr.write(`${faultLine(fault)}\n`);
  process.exit(fault.exitCode);
}

/**
 * Ends the process at a bug, with its own exit code, before it can answer wrongly: one of this
 * program, or one of the state machine that it runs.
 */
export function exitOnBug(): void {
  process.on('uncaughtException', (error) => {
    if (error instanceof StateMachineError) {
      // Where the machine threw tells more than where that was seen.
      process.stderr.write(`${stackOf(error.cause ?? error)}\n`);
      exitWith(makeFault('state_machine_failed', error.message));
      return;
    }
    process.stderr.write(`${stackOf(error)}\n`);
    exitWith(makeFault('internal', error.message));
  });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}
