import {
  type Call,
  type CallReads,
  callReads,
  callReplyLimit,
  callSize,
  type Result,
} from '@kimberlite/kernel';
import { ClientError } from './errors.ts';

/** Why a cluster refuses what it could do at another time, as codes of errors. */
export type DefiniteRefusal = 'no_quorum' | 'overloaded';

/** The same for people. */
export const REFUSED: Readonly<Record<DefiniteRefusal, string>> = {
  no_quorum: 'the replicas that answer see no quorum',
  overloaded: 'the cluster had more requests than it can take',
};

export interface PendingCallOptions {
  readonly call: Call;
  /** It is asked as a query: it changes nothing, wherever it ends. */
  readonly isQuery: boolean;
  readonly signal: AbortSignal | null;
  /** Monotonic milliseconds of the client at which the call must end. */
  readonly deadline: number;
  readonly now: number;
  /** Called once, when the promise has been settled while the call still waited to be sent. */
  readonly onSettledQueued: (pending: PendingCall) => void;
}

/** One call between its start and the settling of its promise. */
export class PendingCall {
  readonly call: Call;
  readonly isQuery: boolean;
  /** Bytes in a request's body. */
  readonly size: number;
  /** Bytes that its result may take in a reply. */
  readonly replyLimit: number;
  /** What it may make replicas look at. */
  readonly reads: CallReads;
  readonly deadline: number;
  readonly startedAt: number;
  readonly promise: Promise<Result>;
  /** `sent` as soon as a request with it was handed to a session: from then on, indefinite. */
  state: 'queued' | 'sent' | 'settled';
  /** Why the cluster last refused it, definitely; null when it did not. */
  refusedFor: DefiniteRefusal | null;
  private readonly signal: AbortSignal | null;
  private readonly onSettledQueued: (pending: PendingCall) => void;
  private readonly onAbort: () => void;
  private resolvePromise: (result: Result) => void;
  private rejectPromise: (error: ClientError) => void;

  constructor(options: PendingCallOptions) {
    this.call = options.call;
    this.isQuery = options.isQuery;
    this.size = callSize(options.call);
    this.replyLimit = callReplyLimit(options.call);
    this.reads = callReads(options.call);
    this.deadline = options.deadline;
    this.startedAt = options.now;
    this.resolvePromise = () => {};
    this.rejectPromise = () => {};
    this.promise = new Promise<Result>((resolve, reject) => {
      this.resolvePromise = resolve;
      this.rejectPromise = reject;
    });
    this.state = 'queued';
    this.refusedFor = null;
    this.signal = options.signal;
    this.onSettledQueued = options.onSettledQueued;
    this.onAbort = () => this.reject(abortedError(this.signal, this.outcome));
    this.signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /** What is known of a call that ends here without an answer. */
  get outcome(): 'not_sent' | 'nothing_changed' | 'unknown' {
    if (this.state === 'queued') return 'not_sent';
    return this.isQuery ? 'nothing_changed' : 'unknown';
  }

  resolve(result: Result): void {
    if (this.state === 'settled') return;
    this.settle();
    this.resolvePromise(result);
  }

  reject(error: ClientError): void {
    if (this.state === 'settled') return;
    this.settle();
    this.rejectPromise(error);
  }

  private settle(): void {
    const wasQueued = this.state === 'queued';
    this.state = 'settled';
    this.signal?.removeEventListener('abort', this.onAbort);
    if (wasQueued) this.onSettledQueued(this);
  }
}

/** The call was given up by its signal. */
export function abortedError(
  signal: AbortSignal | null,
  outcome: PendingCall['outcome'],
): ClientError {
  const message = ABORTED[outcome];
  const definite = outcome !== 'unknown';
  return new ClientError({ code: 'aborted', message, definite, cause: signal?.reason });
}

const ABORTED: Readonly<Record<PendingCall['outcome'], string>> = {
  not_sent: 'the call was aborted before it was sent',
  nothing_changed: 'the read was aborted; nothing was changed',
  unknown: 'the call was aborted after it was sent; it may have happened',
};
