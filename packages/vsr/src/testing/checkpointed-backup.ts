import { type BlockReference, present } from '@kimberlite/store';
import { OPERATION_REGISTER } from '../message/batch.ts';
import type { Message, PrepareMessage } from '../message/message.ts';
import { expectedCheckpointId } from '../replica/checkpoint/window.ts';
import { sessionNumber } from '../replica/execution/sessions.ts';
import { Op } from '../std/numbers.ts';
import { OPERATION_ADD } from './counter-machine.ts';
import { heartbeatOf } from './lead.ts';
import { fixtureRoot, makeRequest, prepareAfter } from './log-fixture.ts';
import { fromPeer, type IoKind, ReplicaHarness } from './replica-harness.ts';

const SESSION = sessionNumber(Op(1), 0);

/** What is asked of each op: nothing, of most. */
const REQUESTS: ReadonlyMap<number, Message<'request'>> = new Map([
  [1, makeRequest({ client: 5, session: 0, request: 0, operation: OPERATION_REGISTER })],
  [2, add(1)],
  [40, add(2)],
]);

function add(request: number): Message<'request'> {
  const body = Uint8Array.of(1);
  return makeRequest({ client: 5, session: SESSION, request, operation: OPERATION_ADD, body });
}

/**
 * A backup of view 0, slot 1 of three, with a state that is not empty: its checkpoints, every 16
 * ops, have blocks. Ops 2 and 40 add to the counter.
 */
export class CheckpointedBackup {
  readonly harness: ReplicaHarness = new ReplicaHarness({ slot: 1 }).start();
  /** Index = op. */
  readonly log: PrepareMessage[] = [fixtureRoot()];

  /** Appends and executes all ops up to `to`, one after the other; I/O of these kinds waits. */
  runTo(to: number, ...except: readonly IoKind[]): void {
    const { harness, log } = this;
    while (log.length <= to) {
      const op = Op(log.length);
      const request = REQUESTS.get(op);
      const next = prepareAfter(present(log[op - 1]), {
        commit: op - 1,
        checkpointId: present(expectedCheckpointId(harness.replica, op), 'it is not behind'),
        requests: request === undefined ? [] : [request],
      });
      log.push(next);
      harness.deliver(next);
      harness.settle(...except);
    }
    harness.deliver(heartbeatOf({ slot: 0, view: 0 }, log, { commit: to, stamp: to }));
    harness.settle(...except);
  }

  /** What stands at an address of the block area. */
  blockAt(address: number): Uint8Array {
    const { blockSize } = this.harness.config;
    const { file } = this.harness;
    return present(file.read('blocks', (address - 1) * blockSize, blockSize), 'it was written');
  }

  /** A peer sends a block. */
  deliverBlock({ address, checksum }: BlockReference, bytes: Uint8Array): void {
    const fields = { address, blockChecksum: checksum };
    this.harness.deliver(fromPeer({ slot: 2, view: 0 }, 'block', fields, bytes));
  }

  /** A block of the durable checkpoint that the next one has not. */
  blockToGo(): BlockReference {
    // Its metadata is written anew each time.
    return present(this.harness.replica.forest.tree.metadata.at(-1), 'the state has records');
  }

  /** A block of the durable checkpoint that the next one has too. */
  blockToStay(): BlockReference {
    const { checksum } = this.harness.replica;
    const { metadata, used } = this.harness.replica.forest.tree;
    for (let address = 1; ; address += 1) {
      const isMetadata = metadata.some((block) => block.address === address);
      if (!used.uses(address) || isMetadata) continue;
      return { address, checksum: checksum.hash(this.blockAt(address)) };
    }
  }
}
