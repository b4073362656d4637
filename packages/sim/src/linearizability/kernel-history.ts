import {
  type Call,
  KernelModel,
  modelAdmits,
  type Result,
  revisionTaken,
} from '@kimberlite/kernel';
import type { HistoryModel, HistoryOperation } from './history.ts';
import { KernelEvidence } from './kernel-evidence.ts';
import { nameOf, nameOfResults } from './result-names.ts';

/** A call of the kernel, its result, and when. */
export type KernelOperation = HistoryOperation<Call, Result>;

/** What the model has to know of a history before it is checked. */
export interface KernelHistoryOptions {
  /** The history to be checked: the revisions that its answers name are taken by those. */
  readonly history: readonly KernelOperation[];
  /**
   * Namespaces in which the history puts values and never looks: such a put takes its revision and
   * is not kept, so that the state stays small. Nothing but blind puts is allowed there.
   */
  readonly unread?: readonly Uint8Array[];
}

/**
 * The kernel as a model for histories, all revisions and versions included, from an empty store
 * on. Nobody else may have written: revisions are counted over all namespaces.
 */
export function kernelHistoryModel(
  options: KernelHistoryOptions,
): HistoryModel<KernelModel, Call, Result> {
  const unread = new Set((options.unread ?? []).map(nameOf));
  const encoded = new Map<Result, string>();
  const evidence = new KernelEvidence(options.history);
  for (const { output } of options.history) {
    if (output !== null) encoded.set(output, nameOfResults([output]));
  }
  return {
    init: (): KernelModel => new KernelModel(),
    step(state, call, output): KernelModel | null {
      const next = state.revision + 1;
      if (output === null) {
        if (!evidence.mayTake(call, next)) return null;
      } else {
        const revision = revisionTaken(output);
        if (revision !== null && revision !== next) return null;
      }
      if (call.kind === 'put' && unread.has(nameOf(call.namespace))) return skipped(state);
      const after = call.kind === 'get' || call.kind === 'range' ? state : state.copy();
      const result = after.apply(call);
      if (output === null) return evidence.agrees(after) ? after : null;
      const same = nameOfResults([result]) === (encoded.get(output) ?? nameOfResults([output]));
      return same || modelAdmits(call, result, output) ? after : null;
    },
    key: (state): string => state.digest(),
    readsOnly: (_, output): boolean => revisionTaken(output) === null,
  };
}

function skipped(state: KernelModel): KernelModel {
  const after = state.copy();
  after.revision += 1;
  return after;
}
