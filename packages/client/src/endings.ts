import { ClientError, type ClientErrorCode } from './errors.ts';
import type { Outlook } from './outlook.ts';

/** What is known of a call that ends without an answer. */
export type Outcome = 'not_sent' | 'nothing_changed' | 'unknown';

/** Why a cluster refuses what it could do at another time, as codes of errors. */
export type DefiniteRefusal = 'no_quorum' | 'overloaded';

/** The same for people. */
const REFUSED: Readonly<Record<DefiniteRefusal, string>> = {
  no_quorum: 'the replicas that answer see no quorum',
  overloaded: 'the cluster had more requests than it can take',
};

const ABORTED: Readonly<Record<Outcome, string>> = {
  not_sent: 'the call was aborted before it was sent',
  nothing_changed: 'the read was aborted; nothing was changed',
  unknown: 'the call was aborted after it was sent; it may have happened',
};
const OVERDUE: Readonly<Record<Outcome, string>> = {
  not_sent: 'it was not sent',
  nothing_changed: 'nothing was changed',
  unknown: 'it may have happened',
};
const CLOSED: Readonly<Record<Outcome, string>> = {
  not_sent: 'the call was not sent',
  nothing_changed: 'the read was not answered',
  unknown: 'the call in flight may have happened',
};

/** The call was given up by its signal. */
export function abortedError(signal: AbortSignal | null, outcome: Outcome): ClientError {
  const definite = outcome !== 'unknown';
  const message = ABORTED[outcome];
  return new ClientError({ code: 'aborted', message, definite, cause: signal?.reason });
}

/** The client was closed before there was an answer. */
export function closedError(outcome: Outcome): ClientError {
  const message = `the client was closed; ${CLOSED[outcome]}`;
  return new ClientError({ code: 'closed', message, definite: outcome !== 'unknown' });
}

/** A call at its deadline. */
export interface Overdue {
  readonly outcome: Outcome;
  /** How long it could take. */
  readonly millis: number;
  /** Why the cluster last refused it, or all of its kind; null when it did not. */
  readonly refusedFor: DefiniteRefusal | null;
}

/** The call's time is up: why, as far as anybody has said. */
export function overdueError(overdue: Overdue, outlook: Outlook): ClientError {
  const { outcome, millis, refusedFor } = overdue;
  const definite = outcome !== 'unknown';
  if (definite && refusedFor !== null) {
    const message = `${REFUSED[refusedFor]}; the call was not executed`;
    return new ClientError({ code: refusedFor, message, definite });
  }
  const code: ClientErrorCode = outlook.connected ? 'timeout' : outlook.code;
  const why = outlook.connected ? '' : `; ${outlook.message}`;
  const message = `no answer within ${Math.round(millis)} ms; ${OVERDUE[outcome]}${why}`;
  return new ClientError({ code, message, definite });
}

/** The call was never sent, and no endpoint is left that it could go to. */
export function hopelessError({ code, message }: Outlook): ClientError {
  return new ClientError({ code, message: `${message}; the call was not sent`, definite: true });
}
