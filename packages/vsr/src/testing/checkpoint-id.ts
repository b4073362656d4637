import { present } from '@kimberlite/store';
import type { PrepareMessage } from '../message/message.ts';
import type { Checksum } from '../std/numbers.ts';
import { heartbeatOf } from './lead.ts';
import { ReplicaHarness } from './replica-harness.ts';

/** The id that the checkpoint at `op` has on every replica with this log, as one of them finds. */
export function checkpointIdAfter(chain: readonly PrepareMessage[], op: number): Checksum {
  const harness = new ReplicaHarness({ slot: 2 }).start();
  const log = chain.slice(0, op + 1);
  for (const message of log.slice(1)) {
    harness.deliver(message);
    harness.settle();
  }
  harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: op, stamp: 1 }));
  harness.settle();
  return present(harness.traced('checkpoint_durable').at(-1), 'the checkpoint was taken').id;
}
