import { performance } from 'node:perf_hooks';
import { type Call, callSize, type ReadCall, type Result } from '@kimberlite/kernel';
import { argumentError, signalOf } from './arguments.ts';
import { toBytes } from './bytes.ts';
import type { Dispatcher } from './dispatcher.ts';
import { BATCH_SIZE_MIN, type CallOptions, type Timeouts, timeoutOf } from './options.ts';
import { type ReadMode, type ReadOptions, readModeOf } from './read-mode.ts';

/** Gives calls their namespace, timeout and signal. */
export class Caller {
  private readonly dispatcher: Dispatcher;
  private readonly timeouts: Timeouts;
  private readonly namespace: Uint8Array;

  constructor(dispatcher: Dispatcher, timeouts: Timeouts, namespace: Uint8Array) {
    this.dispatcher = dispatcher;
    this.timeouts = timeouts;
    this.namespace = namespace;
  }

  /** Performs one call that gets a place in the log. */
  perform(options: CallOptions, make: (namespace: Uint8Array) => Call): Promise<Result> {
    return this.call(options, make, null);
  }

  /** Performs one call that only reads, without a place in the log. */
  read(options: ReadOptions, make: (namespace: Uint8Array) => ReadCall): Promise<Result> {
    return this.call(options, make, readModeOf(options));
  }

  private call(
    options: CallOptions,
    make: (namespace: Uint8Array) => Call,
    read: ReadMode | null,
  ): Promise<Result> {
    // All that can be wrong with a call is found here, before it is queued beside those of others.
    try {
      const call = make(this.namespaceOf(options));
      const { write, batch } = this.timeouts;
      const usual = callSize(call) > BATCH_SIZE_MIN ? batch : write;
      return this.dispatcher.call({
        call,
        read,
        timeout: timeoutOf(options.timeout, read === null ? usual : this.timeouts.read),
        signal: signalOf(options.signal),
      });
    } catch (error) {
      return Promise.reject(argumentError(error));
    }
  }

  /** Options for several calls that together must end within the timeout of one. */
  shared(options: ReadOptions): () => ReadOptions {
    const timeout = timeoutOf(options.timeout, this.timeouts.read);
    const deadline = performance.now() + timeout;
    return () => ({ ...options, timeout: Math.max(1, deadline - performance.now()) });
  }

  private namespaceOf(options: CallOptions): Uint8Array {
    if (options.namespace === undefined) return this.namespace;
    return toBytes(options.namespace, 'a namespace');
  }
}
