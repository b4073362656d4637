import { performance } from 'node:perf_hooks';
import type { Call, ReadCall, Result } from '@kimberlite/kernel';
import { toBytes } from './bytes.ts';
import type { Dispatcher } from './dispatcher.ts';
import { type CallOptions, timeoutOf } from './options.ts';
import { type ReadMode, type ReadOptions, readModeOf } from './read-mode.ts';

/** Gives calls their namespace, timeout and signal. */
export class Caller {
  private readonly dispatcher: Dispatcher;
  private readonly requestTimeout: number;
  private readonly namespace: Uint8Array;

  constructor(dispatcher: Dispatcher, requestTimeout: number, namespace: Uint8Array) {
    this.dispatcher = dispatcher;
    this.requestTimeout = requestTimeout;
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
    return this.dispatcher.call({
      call: make(this.namespaceOf(options)),
      read,
      timeout: timeoutOf(options.timeout, this.requestTimeout),
      signal: options.signal ?? null,
    });
  }

  /** Options for several calls that together must end within the timeout of one. */
  shared(options: ReadOptions): () => ReadOptions {
    const timeout = timeoutOf(options.timeout, this.requestTimeout);
    const deadline = performance.now() + timeout;
    return () => ({ ...options, timeout: Math.max(1, deadline - performance.now()) });
  }

  private namespaceOf(options: CallOptions): Uint8Array {
    if (options.namespace === undefined) return this.namespace;
    return toBytes(options.namespace, 'a namespace');
  }
}
