import type { CallProblem } from '@kimberlite/kernel';

/** What went wrong, as a stable name. */
export type ClientErrorCode =
  | 'invalid_argument'
  | 'too_large'
  | 'queue_full'
  | 'aborted'
  | 'timeout'
  | 'unreachable'
  | 'wrong_cluster'
  | 'wrong_machine'
  | 'wrong_version'
  | 'rejected'
  | 'no_quorum'
  | 'overloaded'
  | 'too_stale'
  | 'evicted'
  | 'refused'
  | 'bad_reply'
  | 'closed'
  | 'unknown_stream'
  | 'stream_exists'
  | 'wrong_offset'
  | 'no_space'
  | 'compacted'
  | 'future_revision';

/**
 * Every way in which a call can fail, with what the person who reads it can do. Whether the call
 * may have happened is not in this table: each error says it itself (`definite`), and its remedy
 * adds how to find out.
 */
export const CLIENT_ERRORS: Readonly<Record<ClientErrorCode, string>> = {
  invalid_argument: 'Correct the argument; nothing was sent.',
  too_large: 'Send less in one call; the limits are in docs/client.md. Nothing was changed.',
  queue_full: 'Slow down, or wait for calls in flight; this call was not sent.',
  aborted: 'The signal of the call was aborted.',
  timeout: 'Check `kimberlite status`: is a quorum of replicas up and reachable?',
  unreachable:
    'Check that the replicas run and that the endpoints name their client ports; ' +
    '`kimberlite dev` starts a local cluster.',
  wrong_cluster: 'The endpoint belongs to another cluster. Check the endpoints and the cluster id.',
  wrong_machine:
    'The cluster runs another state machine than this client speaks to. Check the endpoints; ask ' +
    'a state machine of your own with OperationClient.',
  wrong_version: 'Client and replica speak different protocol versions. Upgrade the older one.',
  rejected: 'Check that the endpoint is the client port of a replica.',
  no_quorum: 'Start the replicas that are down, or heal the network between them, and try again.',
  overloaded:
    'The cluster is asked for more than it can do, or cannot write now. Slow down, and try again ' +
    'later with growing pauses (docs/client.md, Overload).',
  too_stale:
    'Allow a larger bound, ask for a linearizable read, or check `kimberlite status`: a replica ' +
    'may lag or be cut off. Without a quorum only a local read is answered.',
  evicted: 'The session was given to another client. Later calls use a new session.',
  refused:
    'The cluster does not understand this request, or it asks for more than one may ' +
    '(docs/kernel.md). Mend it, and check that the versions match.',
  bad_reply: 'The reply could not be read; check that the versions match.',
  closed: 'The client was closed; connect again.',
  unknown_stream: 'Create the stream first. Nothing was changed.',
  stream_exists: 'Append to it, or choose another name. Nothing was changed.',
  wrong_offset:
    'Read from the length that the error names, then decide again. Nothing was changed.',
  no_space:
    'Delete what is no longer needed: reads and deletes go on, and room that they make can be ' +
    'used at once. Nothing was changed.',
  compacted:
    'Read at the revision that the error names or a newer one, or read the present. How many ' +
    'older revisions stay readable is chosen at format (`--history-revisions`).',
  future_revision:
    'Use at most the revision that the error names: the newest one. Nothing was changed.',
};

/** What to do besides when a call may have happened. */
const FIND_OUT = 'Find out by reading whether this call happened.';

/** What a `ClientError` is made of. */
export interface ClientErrorOptions {
  readonly code: ClientErrorCode;
  /** What happened, as one sentence without a final stop. */
  readonly message: string;
  /** True: the call did not happen and never will. False: it may have happened. */
  readonly definite: boolean;
  readonly cause?: unknown;
  /** `wrong_offset`: the stream's length. */
  readonly length?: number | null;
  /** `compacted`, `future_revision`: the lowest, or the highest, revision that can be read. */
  readonly revision?: number | null;
  /** What to do next, where that of the code does not fit. */
  readonly remedy?: string;
}

/** The one error that calls reject with. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode;
  /** True: the call did not happen and never will. False: it may have happened, or may yet. */
  readonly definite: boolean;
  /** What to do next. */
  readonly remedy: string;
  /** `wrong_offset`: the length that the stream has. Otherwise null. */
  readonly length: number | null;
  /**
   * `compacted`: the lowest revision that can be read; `future_revision`: the newest. Otherwise
   * null.
   */
  readonly revision: number | null;

  constructor(options: ClientErrorOptions) {
    super(options.message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = options.code;
    this.definite = options.definite;
    const remedy = options.remedy ?? CLIENT_ERRORS[options.code];
    this.remedy = options.definite ? remedy : `${remedy} ${FIND_OUT}`;
    this.length = options.length ?? null;
    this.revision = options.revision ?? null;
  }
}

/** Refuses a call that every replica would refuse, before anything is sent. */
export function problemError(problem: CallProblem): ClientError {
  const { fault, part, isBytes, size, least, most } = problem;
  const found = isBytes ? `${part} has ${size} bytes` : `${part} is ${size}`;
  const message = `${found}; allowed are ${least} to ${most}`;
  const code = fault === 'invalid' ? 'invalid_argument' : fault;
  return new ClientError({ code, message, definite: true });
}

/** Refuses what does not fit into a message of the cluster. */
export function tooLargeError(size: number, most: number): ClientError {
  const message = `the call takes ${size} bytes; a message of this cluster has room for ${most}`;
  return new ClientError({ code: 'too_large', message, definite: true });
}

/** Refuses what would wait where too much does already. */
export function queueFullError(): ClientError {
  const message = 'too many calls are waiting to be sent';
  return new ClientError({ code: 'queue_full', message, definite: true });
}

/** Refuses an argument before anything is sent. */
export function invalidArgument(message: string): ClientError {
  return new ClientError({ code: 'invalid_argument', message, definite: true });
}
