import { FATAL_REASONS, type FatalReason, unreachable } from '@kimberlite/vsr';
import { makeFault, type ServerFault } from './errors.ts';

/** What gave up, and what is known of its file. */
export interface FatalFile {
  readonly path: string;
  /** The cluster took it for the member's by an op, as `recover` has it do. */
  readonly tookAPlace: () => boolean;
  /** An op was written to it. */
  readonly holdsOps: () => boolean;
}

/** Why the core gives up, as one of the server's errors. */
export function fatalFault(
  reason: FatalReason,
  { path, tookAPlace, holdsOps }: FatalFile,
): ServerFault {
  switch (reason) {
    case 'diverged':
      return makeFault('diverged', `the state of ${path} is not that of its peers`);
    case 'wrong_identity':
      return makeFault('data_file_wrong_replica', `${path} names another replica inside`);
    case 'wrong_machine':
      return makeFault('wrong_state_machine', `${path} names another state machine inside`);
    case 'other_incarnation':
      return replacedFault(path, { tookAPlace: tookAPlace(), ran: holdsOps() });
    case 'rolled_back':
      return makeFault('data_file_rolled_back', `${path} holds less than this member has promised`);
    case 'superblock_not_found':
    case 'superblock_quorum_lost':
    case 'superblock_fork':
    case 'superblock_parent_not_connected':
    case 'superblock_parent_skipped':
    case 'superblock_not_monotonic':
    case 'wal_corrupt':
    case 'checkpoint_corrupt':
      return makeFault('data_file_damaged', `${path}: ${FATAL_REASONS[reason]} (${reason})`);
    default:
      return unreachable(reason);
  }
}

/** What those peers say of the file's sizes. */
export function oddSizesFault(path: string, peers: readonly number[]): ServerFault {
  return makeFault(
    'data_file_wrong_sizes',
    `replicas ${peers.join(' and ')} have other sizes, or another number of replicas, ` +
      `than ${path}`,
  );
}

/**
 * A file with ops was the member's once, and so was one that `recover` made and nobody started; any
 * other one was put in the place of the member's.
 */
function replacedFault(
  path: string,
  { tookAPlace, ran }: { readonly tookAPlace: boolean; readonly ran: boolean },
): ServerFault {
  if (tookAPlace && !ran) {
    return makeFault(
      'data_file_replaced',
      `${path} was made by \`recover\`, never took part, and has been replaced by a newer ` +
        '`recover` of the same member',
      'It promised nothing and nothing was lost. Start the member with the file that the newest ' +
        '`recover` made, and destroy this one; if that is lost, run `kimberlite recover` again.',
    );
  }
  if (!ran) {
    return makeFault(
      'data_file_replaced',
      `peers know another file than ${path} as this member, and nothing was ever written to this ` +
        'one: it was formatted in its place',
      'It promised nothing and nothing was lost. Start the member with its own file. If that is ' +
        'lost, remove this one, keep the others running, and let `kimberlite recover` make one. ' +
        'In a cluster that never served, format all replicas anew.',
    );
  }
  return makeFault(
    'data_file_replaced',
    `${path} has been replaced by \`recover\``,
    'It stopped before it could do harm, and nothing was lost: the others hold what it ' +
      'acknowledged. Start the member with the file that `recover` made, and destroy this one; ' +
      'it can never take part again.',
  );
}
