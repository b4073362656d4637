import { OPERATION_USER_MIN, OPERATIONS_OF_CORE } from '@kimberlite/vsr';
import { optionsShape, type Shape, shown } from './arguments.ts';
import { ClientError, invalidArgument } from './errors.ts';
import type { ReadOptions } from './read-mode.ts';

/** What `OperationClient.request` takes. */
export interface OperationOptions {
  /**
   * Milliseconds until the request ends in any case, the wait behind others of this client
   * included: above zero, at most a day. Default: `requestTimeout` or `batchTimeout` of the client.
   */
  readonly timeout?: number;
  /**
   * Gives the request up. Before it was sent, it did not happen; after, it may have: nobody knows,
   * so its session ends with it, and the next request waits for a new one.
   */
  readonly signal?: AbortSignal;
}

/** What `OperationClient.query` takes: as a read of the built-in kernel, but for the namespace. */
export type OperationQueryOptions = Omit<ReadOptions, 'namespace'>;

/** What the state machine answered to a request, which is then durable on a quorum, or a query. */
export interface OperationReply {
  /** As `execute`, or `query`, of the state machine encoded it: at most 64 KiB. */
  readonly body: Uint8Array;
  /**
   * Position in the log where the request executed; of a repeated one, where it first did. Of a
   * query: of the last op whose effect the answer holds.
   */
  readonly op: number;
  /** View of the replica that answered; a request is answered by the primary. */
  readonly view: number;
}

export const REQUEST: Shape<OperationOptions> = optionsShape('request', {
  timeout: true,
  signal: true,
});
export const QUERY: Shape<OperationQueryOptions> = optionsShape('query', {
  consistency: true,
  prefer: true,
  timeout: true,
  signal: true,
});

/** The highest number of an operation. */
const OPERATION_MAX = 0xffff;

/** Throws `invalid_argument` for what can't be requested. */
export function checkOperation(operation: number): void {
  if (!OPERATIONS_OF_CORE.includes(operation)) checkOwnOperation(operation);
}

/** The same for what can't be asked as a query: those of the core all have a place in the log. */
export function checkOwnOperation(operation: number): void {
  const ofMachine =
    Number.isSafeInteger(operation) &&
    operation >= OPERATION_USER_MIN &&
    operation <= OPERATION_MAX;
  if (ofMachine) return;
  const rule = `operations of a state machine are ${OPERATION_USER_MIN} to ${OPERATION_MAX}`;
  throw invalidArgument(`operation ${shown(operation)} does not exist; ${rule}`);
}

/** Bytes of our own: what is asked waits, and may be sent again. Throws `invalid_argument`. */
export function bodyOf(body: Uint8Array): Uint8Array {
  if (body instanceof Uint8Array) return new Uint8Array(body);
  throw invalidArgument(`a body is a Uint8Array, not ${shown(body)}`);
}

/** The state machine does not take a request. */
export function requestNotTakenError(definite: boolean): ClientError {
  return new ClientError({
    code: 'refused',
    message: "the cluster's state machine does not take this operation with this body",
    definite,
    remedy:
      'Correct the operation or its body to what `validate` of the state machine takes, with a ' +
      `\`replyLimit\` that fits into a reply (docs/state-machine.md); ${CHECK_MACHINE}`,
  });
}

/** The same of a query. */
export function queryNotTakenError(): ClientError {
  return new ClientError({
    code: 'refused',
    message: "the cluster's state machine does not answer this operation with this body as a query",
    definite: true,
    remedy:
      'Ask what `validate` of the state machine takes and its `isQuery` says true of, with a ' +
      '`replyLimit` that fits into a reply (docs/state-machine.md); ask anything else with ' +
      `\`request\`; ${CHECK_MACHINE}`,
  });
}

const CHECK_MACHINE = 'check that the replicas run the state machine that this program asks.';
