import type { Prng, StateMachine } from '@kimberlite/vsr';
import type { HistoryVerdict } from '../linearizability/check-history.ts';
import type { HistoryOperation } from '../linearizability/history.ts';

/** One call of a client. */
export interface WorkloadRequest {
  readonly operation: number;
  readonly body: Uint8Array;
}

/**
 * A state machine's answers, worked out a second time and independently: plain, in memory, one
 * request after the other in the order of the log.
 */
export interface ReplyModel {
  /** The reply's body that the state machine must give. */
  execute(request: WorkloadRequest, context: ModelContext): Uint8Array;
  /**
   * Whether another answer is as right as the one that the model gave. Left out: none is. All
   * replicas must still give the same one.
   */
  admits?(request: WorkloadRequest, expected: Uint8Array, given: Uint8Array): boolean;
}

/** What a model may use beside the request: the same as the state machine was given. */
export interface ModelContext {
  readonly op: number;
  readonly index: number;
  /** The op's timestamp, microseconds since 1970. */
  readonly timestamp: number;
  /** The request's own time, as the state machine is given it. */
  readonly now: number;
  /** The same numbers as the state machine draws. */
  readonly random: () => number;
}

/** Whether some order of these requests explains their answers. */
export type HistoryJudge = (
  seen: readonly HistoryOperation<WorkloadRequest, Uint8Array>[],
) => HistoryVerdict<WorkloadRequest, Uint8Array>;

/** A model that also answers what only reads, from the state as it then is. */
export interface QueryModel extends ReplyModel {
  /** The answer's body that the state machine must give; changes nothing. */
  query(request: WorkloadRequest): Uint8Array;
}

/** What clients ask without a place in the log, at every level and of every replica. */
export interface QueryWorkload {
  /**
   * A fresh model, at the state of an empty cluster; it executes every request of the log, and
   * answers in between.
   */
  model(): QueryModel;
  /** The next query: what `validate` and `isQuery` of the state machine take. */
  next(prng: Prng): WorkloadRequest;
}

/** What the clients of a run ask, of which state machine, and what they must be answered. */
export interface Workload {
  readonly name: string;
  /** A fresh state machine for one replica. */
  stateMachine(): StateMachine;
  /** A fresh model, at the state of an empty cluster. */
  model(): ReplyModel;
  /**
   * Whether replicas execute a request at all. One that they do not is refused before it has a
   * place in the log; where a liar gave it one, it does nothing. Left out: they execute everything.
   */
  isValid?(request: WorkloadRequest): boolean;
  /** Calls that the model has refused for want of room so far. */
  readonly noSpaceRefusals?: number;
  /** Reads at a revision that the model has answered so far, and refused as compacted. */
  readonly revisionReads?: number;
  readonly compactedRefusals?: number;
  /** Names of the namespaces in which a call succeeded, where there are any. */
  readonly tenants?: ReadonlySet<string>;
  /** The next request. Impolite on purpose: absent keys, refused operations, repeats. */
  next(prng: Prng): WorkloadRequest;
  /**
   * A second judge of what clients saw, which knows nothing of the log; left out where there is
   * none, as for a state that does not fall into parts: the search would not end.
   */
  readonly judge?: HistoryJudge;
  /** Left out: the clients ask no queries, so that `query` of the state machine never runs. */
  readonly queries?: QueryWorkload;
}
