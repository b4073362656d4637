import {
  type Call,
  createKernel,
  decodeCalls,
  decodeResults,
  encodeCalls,
  encodeResults,
  KERNEL_CALLS,
  KernelModel,
  type KeyOrder,
  modelAccepts,
  modelAdmits,
  type Result,
  randomCalls,
  randomEdge,
  randomReads,
  WORKLOAD_DEFAULT,
  type WorkloadHints,
  type WorkloadOptions,
} from '@kimberlite/kernel';
import { present } from '@kimberlite/store';
import type { Prng, StateMachine } from '@kimberlite/vsr';
import { kernelJudge } from './kernel-judge.ts';
import type {
  HistoryJudge,
  QueryModel,
  QueryWorkload,
  ReplyModel,
  Workload,
  WorkloadRequest,
} from './workload.ts';

/** Bodies that are no list of calls: refused before they are given a place in the log. */
const INVALID_PROBABILITY = 0.005;

/** Calls that may just share a request, or just not: then they are refused as one. */
const EDGE_PROBABILITY = 0.01;

/** Keys that are named one after the other: more than there are else, so that they come seldom. */
const SEQUENTIAL_KEYS = 64;

/** How much of the kernel a request touches. */
export interface KernelWorkloadOptions {
  /** Calls in one request, at most. */
  readonly callsMax: number;
  readonly namespaces: number;
  /** Any key alike when left out. */
  readonly keyOrder?: KeyOrder;
  /** Deleted keys that the ranges of a request may come by; few, so that they end among them. */
  readonly looksShared: number;
  /** What the cluster is formatted with: the limit of the state, 0 for none, and the history. */
  readonly config: { readonly stateBytesMax: number; readonly historyRevisions: number };
}

/**
 * The built-in kernel under random calls, a few in each request. What is asked leans on what the
 * model knows, so that compares and offsets are often right and often just wrong. Make one for each
 * run.
 */
export class KernelWorkload implements Workload {
  readonly name: string;
  readonly queries: QueryWorkload;
  readonly judge: HistoryJudge;
  private readonly options: WorkloadOptions & { readonly count: number };
  private readonly looksShared: number;
  private known: KernelModel;
  noSpaceRefusals: number;
  revisionReads: number;
  compactedRefusals: number;
  readonly tenants: Set<string>;
  private readonly hints: WorkloadHints;

  private readonly newModel: () => KernelModel;

  constructor(options: KernelWorkloadOptions) {
    const { callsMax, namespaces, keyOrder = 'uniform', looksShared, config } = options;
    this.looksShared = looksShared;
    const { stateBytesMax, historyRevisions } = config;
    this.newModel = () => new KernelModel(stateBytesMax, historyRevisions);
    this.name = 'kernel';
    this.judge = kernelJudge(config);
    const keys = keyOrder === 'sequential' ? SEQUENTIAL_KEYS : WORKLOAD_DEFAULT.keys;
    this.options = { ...WORKLOAD_DEFAULT, namespaces, keys, keyOrder, count: callsMax };
    this.known = this.newModel();
    this.noSpaceRefusals = 0;
    this.revisionReads = 0;
    this.compactedRefusals = 0;
    this.tenants = new Set();
    this.queries = {
      model: () => modelOf(this.newModel(), () => {}),
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
      get watermark(): number {
        return knownNow().watermark;
      },
      streamLength: (namespace, stream) => knownNow().streamLength(namespace, stream),
    };
  }

  stateMachine(): StateMachine {
    return createKernel({ looksShared: this.looksShared });
  }

  model(): ReplyModel {
    this.known = this.newModel();
    return modelOf(this.known, (call, result) => this.note(call, result));
  }

  isValid({ operation, body }: WorkloadRequest): boolean {
    const calls = operation === KERNEL_CALLS ? decodeCalls(body) : null;
    return calls !== null && modelAccepts(calls);
  }

  private note({ kind, namespace }: Call, result: Result): void {
    if (result.kind !== 'refused') this.tenants.add(String(namespace));
    if (result.kind === 'refused') {
      if (result.reason === 'no_space') this.noSpaceRefusals += 1;
      if (result.reason === 'compacted') this.compactedRefusals += 1;
    } else if (kind === 'getAt' || kind === 'rangeAt') this.revisionReads += 1;
  }

  next(prng: Prng): WorkloadRequest {
    if (prng.chance(INVALID_PROBABILITY)) {
      return { operation: KERNEL_CALLS, body: new Uint8Array([prng.below(256)]) };
    }
    if (prng.chance(EDGE_PROBABILITY)) {
      return { operation: KERNEL_CALLS, body: encodeCalls(randomEdge(prng)) };
    }
    const calls = randomCalls(prng, this.options, this.hints);
    return { operation: KERNEL_CALLS, body: encodeCalls(calls) };
  }
}

/** Calls that only read change nothing in the model either, so both ask the same of it. */
function modelOf(model: KernelModel, onResult: (call: Call, result: Result) => void): QueryModel {
  const apply = (request: WorkloadRequest): Uint8Array => {
    const calls = request.operation === KERNEL_CALLS ? decodeCalls(request.body) : null;
    // A liar gave it a place in the log: it does nothing.
    if (calls === null || !modelAccepts(calls)) return new Uint8Array(0);
    const results = model.answer(calls);
    calls.forEach((call, at) => onResult(call, present(results[at])));
    return encodeResults(results);
  };
  return { execute: apply, query: apply, admits };
}

function admits(request: WorkloadRequest, expected: Uint8Array, given: Uint8Array): boolean {
  const calls = decodeCalls(request.body);
  const [answers, results] = [decodeResults(expected), decodeResults(given)];
  if (calls === null || answers === null || results === null) return false;
  if (answers.length !== calls.length || results.length !== calls.length) return false;
  return calls.every((call, at) => modelAdmits(call, present(answers[at]), present(results[at])));
}
