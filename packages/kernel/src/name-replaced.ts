import type { KeyNames, TableReader } from '@kimberlite/vsr';
import type { Call, RangeAtCall } from './codec/call.ts';
import { callFault } from './codec/call-fault.ts';
import { readCandidates } from './execute-revision.ts';
import { historyPlan, isReplacedSince } from './history.ts';
import { HISTORY_TABLE } from './tables.ts';

/**
 * The second round of names, for ranges at a revision: of the keys that the first has found, those
 * that were replaced since are looked for in the history. Beside such a range stand reads only, so
 * what is found now is what will be found when it runs, unless requests before it change that: then
 * it is named again.
 */
export function nameReplaced(
  calls: readonly Call[],
  names: KeyNames,
  scope: { readonly reader: TableReader; readonly looks: number },
): void {
  for (const call of calls) {
    if (call.kind === 'rangeAt' && callFault(call) === null) nameOne(call, names, scope);
  }
}

function nameOne(
  call: RangeAtCall,
  names: KeyNames,
  { reader, looks }: { readonly reader: TableReader; readonly looks: number },
): void {
  const { namespace, revision } = call;
  for (const [key, present] of readCandidates(call, looks, reader).candidates) {
    if (!isReplacedSince(present, revision)) continue;
    const { from, to } = historyPlan(namespace, key, revision);
    names.range(HISTORY_TABLE, from, to, 1);
  }
}
