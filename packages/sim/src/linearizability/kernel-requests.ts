import {
  type Call,
  isReadCall,
  KernelModel,
  modelAccepts,
  modelAdmits,
  type Result,
  revisionTaken,
} from '@kimberlite/kernel';
import { present } from '@kimberlite/store';
import type { HistoryModel, HistoryOperation } from './history.ts';
import { KernelEvidence } from './kernel-evidence.ts';
import { nameOfResults } from './result-names.ts';

/** The calls of one request, which execute as one, and their answers. */
export type KernelRequest = HistoryOperation<readonly Call[], readonly Result[]>;

/** The kernel after some requests. */
interface KernelState {
  readonly model: KernelModel;
  /** Which requests changed it, in their order: a number for each such path. */
  readonly path: number;
}

export interface KernelRequestsOptions {
  readonly history: readonly KernelRequest[];
  /** What the cluster is formatted with: the limit of the state, and how much history is kept. */
  readonly stateBytesMax: number;
  readonly historyRevisions: number;
}

/**
 * The kernel as a model for histories of whole requests, each of one call or several: every kind of
 * call, with quota and history, from an empty store on. Nobody else may have written.
 */
export function kernelRequestsModel(
  options: KernelRequestsOptions,
): HistoryModel<KernelState, readonly Call[], readonly Result[]> {
  const { history, stateBytesMax, historyRevisions } = options;
  const evidence = new KernelEvidence(history.flatMap(callsOf));
  const answers = new Map(
    history.flatMap(({ output }) => (output === null ? [] : [[output, answerOf(output)] as const])),
  );
  const paths = new Paths();
  return {
    init: () => ({ model: new KernelModel(stateBytesMax, historyRevisions), path: 0 }),
    step(state, calls, output): KernelState | null {
      // Each revision is taken once: most orders end here, before anything is copied.
      const answer = output === null ? null : (answers.get(output) ?? answerOf(output));
      const next = state.model.revision + 1;
      if (answer !== null && answer.first !== null && answer.first !== next) return null;
      // No replica executes it, so it has no answer either.
      if (!modelAccepts(calls)) return answer === null ? state : null;
      const reads = calls.every(isReadCall);
      if (reads && answer === null) return state;
      const model = reads ? state.model : state.model.copy();
      const results = model.answer(calls);
      if (output !== null && !explains({ calls, results }, output, answer)) return null;
      if (answer === null && !mayHappen(evidence, calls, { results, model })) return null;
      return isSame(model, state.model)
        ? state
        : { model, path: paths.after(state.path, { calls, history }) };
    },
    key: ({ path }) => String(path),
    readsOnly: (calls, output) =>
      output.every((result) => revisionTaken(result) === null) &&
      calls.every(({ kind }) => kind !== 'compact'),
  };
}

interface Answer {
  /** One character a byte. */
  readonly name: string;
  /** The first revision that it took; null for none. */
  readonly first: number | null;
}

function answerOf(output: readonly Result[]): Answer {
  const revisions = output.flatMap((result) => revisionTaken(result) ?? []);
  return { name: nameOfResults(output), first: revisions[0] ?? null };
}

/** Whether the model's results let a replica answer so. */
function explains(
  expected: { readonly calls: readonly Call[]; readonly results: readonly Result[] },
  output: readonly Result[],
  answer: Answer | null,
): boolean {
  const { calls, results } = expected;
  if (nameOfResults(results) === answer?.name) return true;
  if (output.length !== calls.length || results.length !== calls.length) return false;
  return calls.every((call, at) => modelAdmits(call, present(results[at]), present(output[at])));
}

function callsOf({ input, output, ...times }: KernelRequest): HistoryOperation<Call, Result>[] {
  return input.map((call, at) => ({ ...times, input: call, output: output?.[at] ?? null }));
}

/** Whether what was answered to others leaves room for an unanswered request here. */
function mayHappen(
  evidence: KernelEvidence,
  calls: readonly Call[],
  after: { readonly results: readonly Result[]; readonly model: KernelModel },
): boolean {
  for (const [at, result] of after.results.entries()) {
    const revision = revisionTaken(result);
    const call = calls[at];
    if (revision === null || call === undefined) continue;
    if (!evidence.mayTake(call, revision)) return false;
  }
  return evidence.agrees(after.model);
}

function isSame(model: KernelModel, before: KernelModel): boolean {
  return model.revision === before.revision && model.watermark === before.watermark;
}

/**
 * States are told apart by how they came about. Two orders that lead to the same keys may differ in
 * what can be read of the past, and taken for one they would hide an order that fits.
 */
class Paths {
  readonly #known: Map<string, number>;
  readonly #requests: Map<readonly Call[], number>;

  constructor() {
    this.#known = new Map();
    this.#requests = new Map();
  }

  /** The path that goes on from one with a request of the history. */
  after(
    path: number,
    {
      calls,
      history,
    }: { readonly calls: readonly Call[]; readonly history: readonly KernelRequest[] },
  ): number {
    if (this.#requests.size === 0) {
      for (const [at, { input }] of history.entries()) this.#requests.set(input, at);
    }
    const name = `${path} ${this.#requests.get(calls) ?? -1}`;
    const known = this.#known.get(name) ?? this.#known.size + 1;
    this.#known.set(name, known);
    return known;
  }
}
