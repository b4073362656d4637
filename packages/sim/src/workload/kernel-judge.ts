import {
  type Call,
  decodeCalls,
  decodeResults,
  KERNEL_CALLS,
  type Result,
} from '@kimberlite/kernel';
import { checkHistory, type HistoryVerdict } from '../linearizability/check-history.ts';
import { type KernelRequest, kernelRequestsModel } from '../linearizability/kernel-requests.ts';
import type { HistoryJudge, WorkloadRequest } from './workload.ts';

/** Steps after which a history counts as undecided: each of them may copy the whole state. */
const STEPS_MAX = 10_000;

type SeenRequest = Parameters<HistoryJudge>[0][number];

/**
 * Judges what clients of the kernel saw, from the bytes of their requests and of the answers alone.
 * An answer that is no list of results fits no order.
 */
export function kernelJudge(config: {
  readonly stateBytesMax: number;
  readonly historyRevisions: number;
}): HistoryJudge {
  return (seen) => {
    const { stateBytesMax, historyRevisions } = config;
    const history: KernelRequest[] = [];
    for (const request of seen) {
      const decoded = decode(request);
      if (decoded === null) return garbled(request);
      history.push(decoded);
    }
    const model = kernelRequestsModel({ history, stateBytesMax, historyRevisions });
    const verdict = checkHistory(history, model, { stepsMax: STEPS_MAX });
    if (verdict.kind !== 'not_linearizable') return verdict;
    const stuck = verdict.stuck.flatMap((request) => seen[history.indexOf(request)] ?? []);
    return { ...verdict, stuck };
  };
}

function decode({ input, output, ...times }: SeenRequest): KernelRequest | null {
  const calls: readonly Call[] = callsOf(input);
  const results: readonly Result[] | null = output === null ? null : decodeResults(output);
  if (output !== null && results === null) return null;
  return { ...times, input: calls, output: results };
}

/** What is no list of calls does nothing, and has no answer. */
function callsOf({ operation, body }: WorkloadRequest): readonly Call[] {
  return (operation === KERNEL_CALLS ? decodeCalls(body) : null) ?? [];
}

function garbled(request: SeenRequest): HistoryVerdict<WorkloadRequest, Uint8Array> {
  return { kind: 'not_linearizable', steps: 0, placed: 0, stuck: [request], state: '' };
}
