import { type FatalReason, StateMachineError } from '@kimberlite/vsr';
import { faultLine, makeFault, type ServerFault } from './errors.ts';

/** What gave up, and whether an op was ever written to its file. */
export interface FatalFile {
  readonly path: string;
  readonly holdsOps: () => boolean;
}

/** Why the core gives up, as one of the server's errors. */
export function fatalFault(reason: FatalReason, { path, holdsOps }: FatalFile): ServerFault {
  if (reason === 'diverged') {
    return makeFault('diverged', `the state of ${path} is not that of its peers`);
  }
  if (reason === 'wrong_identity') {
    return makeFault('data_file_wrong_replica', `${path} names another replica inside`);
  }
  if (reason === 'wrong_machine') {
    return makeFault('wrong_state_machine', `${path} names another state machine inside`);
  }
  if (reason === 'other_incarnation') {
    return replacedFault(path, holdsOps());
  }
  if (reason === 'rolled_back') {
    return makeFault('data_file_rolled_back', `${path} holds less than this member has promised`);
  }
  return makeFault('data_file_damaged', `${path}: ${reason}`);
}

/** What those peers say of the file's sizes. */
export function oddSizesFault(path: string, peers: readonly number[]): ServerFault {
  return makeFault(
    'data_file_wrong_sizes',
    `replicas ${peers.join(' and ')} have other sizes, or another number of replicas, ` +
      `than ${path}`,
  );
}

/** A file with ops was the member's once; one without was put in the place of the member's. */
function replacedFault(path: string, ran: boolean): ServerFault {
  if (!ran) {
    return {
      ...makeFault(
        'data_file_replaced',
        `peers know another file than ${path} as this member, and nothing was ever written ` +
          'to this one: it was formatted in its place',
      ),
      remedy:
        'It promised nothing and nothing was lost. Start the member with its own file. If that ' +
        'is lost, remove this one, keep the others running, and let `kimberlite recover` make ' +
        'one. In a cluster that never served, format all replicas anew.',
    };
  }
  return {
    ...makeFault('data_file_replaced', `${path} has been replaced by \`recover\``),
    remedy:
      'It stopped before it could do harm, and nothing was lost: the others hold what it ' +
      'acknowledged. Start the member with the file that `recover` made, and destroy this one; ' +
      'it can never take part again.',
  };
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
