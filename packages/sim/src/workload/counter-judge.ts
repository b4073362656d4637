import { readU64 } from '@kimberlite/store';
import { checkHistory } from '../linearizability/check-history.ts';
import type { HistoryModel } from '../linearizability/history.ts';
import type { HistoryJudge, WorkloadRequest } from './workload.ts';

/** Steps after which a history counts as undecided: many open requests of one counter. */
const STEPS_MAX = 200_000;

/** Judges what clients of the counter machine saw. Requests that are no read add. */
export function counterJudge(operationRead: number): HistoryJudge {
  // One counter after another: requests of different counters touch nothing in common.
  const counters: HistoryModel<number, WorkloadRequest, Uint8Array> = {
    init: () => 0,
    step(value, { operation, body }, output) {
      const after = operation === operationRead ? value : value + (body[1] ?? 0);
      return output === null || answerOf(output) === after ? after : null;
    },
    key: (value) => String(value),
    readsOnly: ({ operation }) => operation === operationRead,
    parts: ({ body }) => [String(body[0] ?? 0)],
  };
  return (seen) => checkHistory(seen, counters, { stepsMax: STEPS_MAX });
}

function answerOf(output: Uint8Array): number | null {
  if (output.length !== 8) return null;
  return readU64(new DataView(output.buffer, output.byteOffset, 8), 0);
}
