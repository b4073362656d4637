import type { StatusRecord } from '@kimberlite/server';
import { CONFIG_DEFAULT } from '@kimberlite/vsr';
import type { Child } from './child.ts';

/** A time in which some replica was making a checkpoint, in milliseconds since the epoch. */
export interface CheckpointSpan {
  readonly from: number;
  readonly to: number;
}

/** What a replica process says when it is asked for its checkpoints. */
interface CheckpointWord {
  readonly making: boolean;
  readonly at: number;
}

/** A checkpoint is frozen and not yet durable. */
export function isCheckpointing({ commitMin, checkpointOp }: StatusRecord['state']): boolean {
  return commitMin - checkpointOp >= CONFIG_DEFAULT.checkpointInterval;
}

/** Collects when the replicas of the benchmark make their checkpoints, from now on. */
export class CheckpointWatch {
  readonly #spans: CheckpointSpan[] = [];
  readonly #begun: Map<Child, number> = new Map();

  constructor(members: readonly Child[]) {
    for (const member of members) {
      member.process.on('message', (word) => {
        // SAFETY: replica-process.ts answers so, and nothing else is asked of it.
        const { making, at } = word as CheckpointWord;
        const begun = this.#begun.get(member);
        if (making) this.#begun.set(member, at);
        else if (begun !== undefined) this.#spans.push({ from: begun, to: at });
      });
      member.process.send('checkpoints');
    }
  }

  /** Ended spans of all replicas, earliest first; overlapping ones are joined. */
  spans(): CheckpointSpan[] {
    const joined: CheckpointSpan[] = [];
    for (const span of this.#spans.toSorted((first, other) => first.from - other.from)) {
      const last = joined.at(-1);
      if (last === undefined || span.from > last.to) joined.push(span);
      else joined.splice(-1, 1, { from: last.from, to: Math.max(last.to, span.to) });
    }
    return joined;
  }
}
