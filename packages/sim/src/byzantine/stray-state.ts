import { assert } from '@kimberlite/store';
import type { StateMachine } from '@kimberlite/vsr';
import type { ClusterOptions } from '../cluster/cluster-options.ts';
import type { Workload } from '../workload/workload.ts';

/** What a replica executes: the run's workload, but for the one whose state shall go wrong. */
export function workloadWithLies(
  { byzantine, workload }: Pick<ClusterOptions, 'byzantine' | 'workload'>,
  slot: number,
): Workload {
  const { liar = null, strayOp = null } = byzantine ?? {};
  if (slot !== liar || strayOp === null) return workload;
  return { ...workload, stateMachine: () => strayMachine(workload.stateMachine(), strayOp) };
}

/**
 * The machine of a replica whose memory is broken: from this op on a bit of every value that it
 * writes is the other one. It says so to nobody, and knows of nothing.
 */
function strayMachine(machine: StateMachine, fromOp: number): StateMachine {
  return {
    ...machine,
    execute: (request, context) => {
      if (context.op < fromOp) return machine.execute(request, context);
      const put = (table: number, key: Uint8Array, value: Uint8Array): void => {
        assert(value.length > 0, 'a value with a bit to break');
        const wrong = value.slice();
        wrong[0] = (wrong[0] ?? 0) ^ 1;
        context.put(table, key, wrong);
      };
      return machine.execute(request, { ...context, put });
    },
  };
}
