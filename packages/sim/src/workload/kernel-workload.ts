import {
  createKernel,
  decodeCalls,
  encodeCalls,
  encodeResults,
  KERNEL_CALLS,
  KernelModel,
  randomCalls,
  randomReads,
  WORKLOAD_DEFAULT,
  type WorkloadHints,
  type WorkloadOptions,
} from '@kimberlite/kernel';
import { assert } from '@kimberlite/store';
import type { Prng, StateMachine } from '@kimberlite/vsr';
import type {
  QueryModel,
  QueryWorkload,
  ReplyModel,
  Workload,
  WorkloadRequest,
} from './workload.ts';

/** Bodies that are no list of calls: refused before they are given a place in the log. */
const INVALID_PROBABILITY = 0.005;

/** How much of the kernel a request touches. */
export interface KernelWorkloadOptions {
  /** Calls in one request, at most. */
  readonly callsMax: number;
  readonly namespaces: number;
  /** The limit of the state that the cluster is formatted with; 0 for none. */
  readonly config: { readonly stateBytesMax: number };
}

/**
 * The built-in kernel under random calls, a few in each request. What is asked leans on what the
 * model knows, so that compares and offsets are often right and often just wrong. Make one for each
 * run.
 */
export class KernelWorkload implements Workload {
  readonly name: string;
  readonly queries: QueryWorkload;
  private readonly options: WorkloadOptions & { readonly count: number };
  private known: KernelModel;
  noSpaceRefusals: number;
  private readonly hints: WorkloadHints;

  private readonly bytesMax: number;

  constructor({ callsMax, namespaces, config }: KernelWorkloadOptions) {
    const bytesMax = config.stateBytesMax;
    this.bytesMax = bytesMax;
    this.name = 'kernel';
    this.options = { ...WORKLOAD_DEFAULT, namespaces, count: callsMax };
    this.known = new KernelModel(bytesMax);
    this.noSpaceRefusals = 0;
    this.queries = {
      model: () => modelOf(new KernelModel(bytesMax), () => {}),
      next: (prng) => {
        const calls = randomReads(prng, this.options, this.hints);
        return { operation: KERNEL_CALLS, body: encodeCalls(calls) };
      },
    };
    const knownNow = (): KernelModel => this.known;
    this.hints = {
      get revision(): number {
        return knownNow().revision;
      },
      streamLength: (namespace, stream) => knownNow().streamLength(namespace, stream),
    };
  }

  stateMachine(): StateMachine {
    return createKernel();
  }

  model(): ReplyModel {
    this.known = new KernelModel(this.bytesMax);
    return modelOf(this.known, (result) => {
      if (result.kind === 'refused' && result.reason === 'no_space') this.noSpaceRefusals += 1;
    });
  }

  next(prng: Prng): WorkloadRequest {
    if (prng.chance(INVALID_PROBABILITY)) {
      return { operation: KERNEL_CALLS, body: new Uint8Array([prng.below(256)]) };
    }
    const calls = randomCalls(prng, this.options, this.hints);
    return { operation: KERNEL_CALLS, body: encodeCalls(calls) };
  }
}

/** Calls that only read change nothing in the model either, so both ask the same of it. */
function modelOf(
  model: KernelModel,
  onResult: (result: ReturnType<KernelModel['apply']>) => void,
): QueryModel {
  const apply = (request: WorkloadRequest): Uint8Array => {
    assert(request.operation === KERNEL_CALLS, 'only valid requests are executed');
    const calls = decodeCalls(request.body);
    assert(calls !== null, 'only valid requests are executed');
    const results = calls.map((call) => model.apply(call));
    results.forEach(onResult);
    return encodeResults(results);
  };
  return { execute: apply, query: apply };
}
