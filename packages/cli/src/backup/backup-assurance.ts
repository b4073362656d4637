import type { StatusRecord } from '@kimberlite/server';
import { quorumsOf } from '@kimberlite/vsr';
import { askUntil } from '../cluster/ask-until.ts';
import { type CliError, cliError } from '../fault.ts';

/** What the replicas that answered can say of writes that were acknowledged until then. */
export interface Assurance {
  readonly replicaCount: number;
  /** Replicas of the cluster that answered. */
  readonly answered: number;
  /**
   * One of them takes part and hears a quorum, so that it learns of what is acknowledged. Without
   * one, the others may have gone on in a later view, and acknowledged what none of these has.
   */
  readonly quorum: boolean;
  /** No write up to this op may be missing from a backup. */
  readonly knownOp: number;
}

/** Milliseconds for which an election among those that answer is waited for, at most. */
const SETTLE_MILLIS = 5_000;

export function assuranceOf(statuses: readonly StatusRecord[]): Assurance {
  return {
    replicaCount: statuses[0]?.replicaCount ?? 0,
    answered: new Set(statuses.map(({ replica }) => replica)).size,
    quorum: statuses.some(hearsQuorum),
    knownOp: Math.max(0, ...statuses.map(knownOpOf)),
  };
}

/**
 * Asks until a replica that hears a quorum answers. Refused without one, unless it is said to be
 * wanted: a job that runs every night must not go on with backups that lack what was acknowledged.
 */
export async function assuredOrRefused<T extends { readonly status: StatusRecord }>(
  ask: () => Promise<T[]>,
  options: { readonly withoutQuorum: boolean; readonly timeout?: number },
): Promise<T[]> {
  const { withoutQuorum, timeout = SETTLE_MILLIS } = options;
  const assured = (found: readonly T[]): Assurance =>
    assuranceOf(found.map(({ status }) => status));
  const isEnough = ({ quorum }: Assurance): boolean => quorum || withoutQuorum;
  const mayBecome = ({ answered, replicaCount }: Assurance): boolean =>
    answered >= quorumsOf(replicaCount).replication;
  const found = await askUntil(
    ask,
    (asked) => isEnough(assured(asked)) || !mayBecome(assured(asked)),
    Math.min(timeout, SETTLE_MILLIS),
  );
  if (isEnough(assured(found))) return found;
  throw lesserFault(assured(found));
}

/** What a backup of these may lack. */
export function lesserText({ answered, replicaCount, knownOp }: Assurance): string {
  return (
    `${answered} of ${replicaCount} replicas answered, and none of them hears a quorum: ` +
    `acknowledged writes above op ${knownOp} may be missing`
  );
}

function lesserFault(assurance: Assurance): CliError {
  return cliError(
    'below_quorum',
    lesserText(assurance),
    'No file was made and nothing was changed. Start the other replicas, or name those that run ' +
      'with --http. Where they are lost for good, --without-quorum takes what there is; but the ' +
      'data file of a survivor holds more than a backup of it: ' +
      'see `kimberlite recover --from-survivor`.',
  );
}

function hearsQuorum({ state }: StatusRecord): boolean {
  return state.status === 'normal' && !state.syncing && state.quorumSeen;
}

/** A primary acknowledges nothing above its head; others hear of it a heartbeat later. */
function knownOpOf(status: StatusRecord): number {
  const { state } = status;
  const leads = state.isPrimary && hearsQuorum(status);
  return leads ? Math.max(state.op, state.commitMax) : state.commitMax;
}
