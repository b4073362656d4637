import { type Call, callReplyLimit, callSize, type Result } from '@kimberlite/kernel';
import { ClientError } from './errors.ts';

export interface PendingCallOptions {
  readonly call: Call;
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
  /** Bytes in a request's body. */
  readonly size: number;
  /** Bytes that its result may take in a reply. */
  readonly replyLimit: number;
  readonly deadline: number;
  readonly startedAt: number;
  readonly promise: Promise<Result>;
  /** `sent` as soon as a request with it was handed to a session: from then on, indefinite. */
  state: 'queued' | 'sent' | 'settled';
  /** The cluster's last definite answer was that it has no quorum. */
  noQuorum: boolean;
  private readonly signal: AbortSignal | null;
  private readonly onSettledQueued: (pending: PendingCall) => void;
  private readonly onAbort: () => void;
  private resolvePromise: (result: Result) => void;
  private rejectPromise: (error: ClientError) => void;

  constructor(options: PendingCallOptions) {
    this.call = options.call;
    this.size = callSize(options.call);
    this.replyLimit = callReplyLimit(options.call);
    this.deadline = options.deadline;
    this.startedAt = options.now;
    this.resolvePromise = () => {};
    this.rejectPromise = () => {};
    this.promise = new Promise<Result>((resolve, reject) => {
      this.resolvePromise = resolve;
      this.rejectPromise = reject;
    });
    this.state = 'queued';
    this.noQuorum = false;
    this.signal = options.signal;
    this.onSettledQueued = options.onSettledQueued;
    this.onAbort = () => this.reject(abortedError(this.signal, this.state === 'queued'));
    this.signal?.addEventListener('abort', this.onAbort, { once: true });
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
export function abortedError(signal: AbortSignal | null, definite: boolean): ClientError {
  const message = definite
    ? 'the call was aborted before it was sent'
    : 'the call was aborted after it was sent; it may have happened';
  return new ClientError({ code: 'aborted', message, definite, cause: signal?.reason });
}
