import type { FatalReason } from '@kimberlite/vsr';
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

/** Ends the process at a bug, with its own exit code, before it can answer wrongly. */
export function exitOnBug(): void {
  process.on('uncaughtException', (error) => {
    process.stderr.write(`${error.stack ?? String(error)}\n`);
    exitWith(makeFault('internal', error.message));
  });
}
