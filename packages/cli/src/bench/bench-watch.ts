import { ClientError } from '@kimberlite/client';

/** What a bench measures with, and is woken by. A test brings its own. */
export interface BenchClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back every `millis` milliseconds, until the function that it returns is called. */
  every(millis: number, callback: () => void): () => void;
}

/** The clock and the timers of the process. */
export const systemClock: BenchClock = {
  now: () => performance.now(),
  every(millis, callback): () => void {
    const timer = setInterval(callback, millis);
    return () => clearInterval(timer);
  },
};

/** Milliseconds without a success after which the cluster counts as dead. */
export const SILENCE_MILLIS = 5_000;
/** Milliseconds that the question for the reason may take; its answer is there with the end. */
export const PROBE_MILLIS = 900;
const LOOK_MILLIS = 100;
const PROBE_AFTER_MILLIS = SILENCE_MILLIS - 1_000;

export interface BenchWatchOptions {
  readonly clock: BenchClock;
  /** One read of a client; how it fails is the reason. */
  readonly probe: () => Promise<unknown>;
  /** Called about ten times a second. */
  readonly onLook: () => void;
}

/**
 * Ends a bench whose cluster is dead. A call fails at its deadline at the earliest, and a bench
 * makes many one after another: without this it would wait for all of them. As no call that is
 * under way may know the reason yet, a read with a short deadline asks for it just before the end.
 */
export class BenchWatch {
  /** Resolves with the reason, once no call has succeeded for 5 seconds; otherwise never. */
  readonly dead: Promise<ClientError>;
  readonly #options: BenchWatchOptions;
  readonly #endClock: () => void;
  #resolve: (reason: ClientError) => void;
  #succeededAt: number;
  #lastFailure: ClientError | null;
  #probed: boolean;
  #probeFailure: ClientError | null;

  constructor(options: BenchWatchOptions) {
    this.#options = options;
    this.#resolve = () => {};
    this.dead = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#succeededAt = options.clock.now();
    this.#lastFailure = null;
    this.#probed = false;
    this.#probeFailure = null;
    this.#endClock = options.clock.every(LOOK_MILLIS, () => this.#look());
  }

  /** A call was answered at this time of the clock. */
  onSuccess(now: number): void {
    this.#succeededAt = now;
    this.#lastFailure = null;
    this.#probed = false;
    this.#probeFailure = null;
  }

  onFailure(error: ClientError): void {
    this.#lastFailure = error;
  }

  /** Looks no more. Idempotent. */
  end(): void {
    this.#endClock();
  }

  #look(): void {
    this.#options.onLook();
    const silence = this.#options.clock.now() - this.#succeededAt;
    if (silence >= PROBE_AFTER_MILLIS && !this.#probed) {
      this.#probed = true;
      void this.#probe();
    }
    if (silence < SILENCE_MILLIS) return;
    this.end();
    this.#resolve(this.#probeFailure ?? this.#lastFailure ?? unanswered());
  }

  /** Its success is none of the calls': a cluster may read and not write. */
  async #probe(): Promise<void> {
    try {
      await this.#options.probe();
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      if (this.#probed) this.#probeFailure = error;
    }
  }
}

function unanswered(): ClientError {
  return new ClientError({ code: 'timeout', message: 'no answer in time', definite: false });
}
