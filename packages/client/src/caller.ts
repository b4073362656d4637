import { performance } from 'node:perf_hooks';
import type { Call, Result } from '@kimberlite/kernel';
import { toBytes } from './bytes.ts';
import type { Dispatcher } from './dispatcher.ts';
import { type CallOptions, timeoutOf } from './options.ts';

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

  /** Performs one call. */
  perform(options: CallOptions, make: (namespace: Uint8Array) => Call): Promise<Result> {
    return this.dispatcher.call({
      call: make(this.namespaceOf(options)),
      timeout: timeoutOf(options.timeout, this.requestTimeout),
      signal: options.signal ?? null,
    });
  }

  /** Options for several calls that together must end within the timeout of one. */
  shared(options: CallOptions): () => CallOptions {
    const timeout = timeoutOf(options.timeout, this.requestTimeout);
    const deadline = performance.now() + timeout;
    return () => ({ ...options, timeout: Math.max(1, deadline - performance.now()) });
  }

  private namespaceOf(options: CallOptions): Uint8Array {
    if (options.namespace === undefined) return this.namespace;
    return toBytes(options.namespace, 'a namespace');
  }
}
