import { abortedError, type DefiniteRefusal, type Outcome } from './endings.ts';
import type { ClientError } from './errors.ts';

export interface PendingOptions<A, R> {
  readonly asked: A;
  /** It is asked as a query: it changes nothing, wherever it ends. */
  readonly isQuery: boolean;
  readonly signal: AbortSignal | null;
  /** Monotonic milliseconds of the client at which it must end. */
  readonly deadline: number;
  readonly now: number;
  /** Called once, when the promise has been settled while it still waited to be sent. */
  readonly onSettledQueued: (pending: Pending<A, R>) => void;
}

/** Something that was asked for, between its start and the settling of its promise. */
export class Pending<A, R> {
  readonly asked: A;
  readonly isQuery: boolean;
  readonly deadline: number;
  readonly startedAt: number;
  readonly promise: Promise<R>;
  /** `sent` as soon as a message with it was handed to a session: from then on, indefinite. */
  state: 'queued' | 'sent' | 'settled';
  /** Why the cluster last refused it, definitely; null when it did not. */
  refusedFor: DefiniteRefusal | null;
  private readonly signal: AbortSignal | null;
  private readonly onSettledQueued: (pending: Pending<A, R>) => void;
  private readonly onAbort: () => void;
  private resolvePromise: (result: R) => void;
  private rejectPromise: (error: ClientError) => void;

  constructor(options: PendingOptions<A, R>) {
    this.asked = options.asked;
    this.isQuery = options.isQuery;
    this.deadline = options.deadline;
    this.startedAt = options.now;
    this.resolvePromise = () => {};
    this.rejectPromise = () => {};
    this.promise = new Promise<R>((resolve, reject) => {
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

  /** What is known of it if it ends now without an answer. */
  get outcome(): Outcome {
    if (this.state === 'queued') return 'not_sent';
    return this.isQuery ? 'nothing_changed' : 'unknown';
  }

  resolve(result: R): void {
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
