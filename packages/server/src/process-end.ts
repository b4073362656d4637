import { StateMachineError } from '@kimberlite/vsr';
import { faultLine, makeFault, type ServerFault } from './errors.ts';
import { writeLast } from './observe/stderr.ts';

/**
 * The end of the process after a fault that it cannot outlive, with the fault's exit code, whether
 * or not its line can be written.
 */
export function exitWith(fault: ServerFault): void {
  writeLast(`${faultLine(fault)}\n`);
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
      writeLast(`${stackOf(error.cause ?? error)}\n`);
      exitWith(makeFault('state_machine_failed', error.message));
      return;
    }
    writeLast(`${stackOf(error)}\n`);
    exitWith(makeFault('internal', error.message));
  });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}
