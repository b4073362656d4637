import { assert, mix128, present } from '@kimberlite/store';
import { OPERATION_REGISTER } from '../message/batch.ts';
import {
  NO_REPLICA,
  READ_LEVELS,
  REFUSAL_REASONS,
  type ReadLevel,
  reasonName,
} from '../message/layout.ts';
import { encodeMessage, isCommand, type Message, type PrepareMessage } from '../message/message.ts';
import { ClientId, Op, View } from '../std/numbers.ts';
import { OPERATION_READ } from './counter-machine.ts';
import { doViewChangeOf, leadViewOne, startViewOf } from './lead.ts';
import { chainOf, FIXTURE_CLUSTER, fixtureRoot, makeRequest } from './log-fixture.ts';
import { fromPeer, type HarnessOptions, ReplicaHarness } from './replica-harness.ts';

export const CHAIN: readonly PrepareMessage[] = chainOf(8);
let queryNext = 1;

export function query(
  level: ReadLevel,
  options: {
    readonly floor?: number;
    readonly lagMax?: number;
    readonly operation?: number;
    readonly body?: Uint8Array;
    readonly replica?: number;
    readonly level?: number;
  } = {},
): Message<'query'> {
  queryNext += 1;
  return encodeMessage(
    'query',
    {
      cluster: FIXTURE_CLUSTER,
      replica: options.replica ?? NO_REPLICA,
      view: View(0),
      release: 1,
      incarnation: 0n,
      client: ClientId(77n),
      query: queryNext,
      floor: Op(options.floor ?? 0),
      lagMax: options.lagMax ?? 0,
      operation: options.operation ?? OPERATION_READ,
      level: options.level ?? READ_LEVELS[level],
    },
    options.body ?? new Uint8Array(0),
    mix128,
  );
}

/** What clients were told since the last call: ops of answers, and reasons of refusals. */
export function told(harness: ReplicaHarness): (number | string)[] {
  return harness.takeAnswers().flatMap(({ message }): (number | string)[] => {
    if (isCommand(message, 'queryReply')) return [Number(message.header.op)];
    if (!isCommand(message, 'refusal')) return [];
    return [reasonName(REFUSAL_REASONS, message.header.reason) ?? 'unknown'];
  });
}

/** Rounds that were asked for since the last call, each to whom. */
export function rounds(harness: ReplicaHarness): [number, number][] {
  return harness.take('confirmView').map(({ to, message }) => [to, message.header.round]);
}

export function echo(slot: number, round: number, view = 1): Message<'viewConfirmed'> {
  return fromPeer({ slot, view }, 'viewConfirmed', { round });
}

/** Slot 1 of three, primary of view 1, with a log in which everything has committed. */
export function primary(
  chain: readonly PrepareMessage[] = [fixtureRoot()],
  options: Pick<HarnessOptions, 'stateMachine'> = {},
): ReplicaHarness {
  const harness = new ReplicaHarness({ slot: 1, ...options }).start();
  leadViewOne(harness, chain);
  assert(harness.replica.status === 'normal', 'it leads');
  harness.takeAll();
  return harness;
}

/** Slot 2 of three, backup in view 1, of the same. */
export function backup(): ReplicaHarness {
  const harness = new ReplicaHarness({ slot: 2 }).start();
  harness.deliver(startViewOf({ slot: 1, view: 1 }, CHAIN.slice(0, 1)));
  harness.settle();
  assert(harness.replica.view === 1, 'it follows');
  harness.takeAll();
  return harness;
}

export function at(chain: readonly PrepareMessage[], op: number): PrepareMessage {
  return present(chain[op]);
}

/** Makes the primary prepare one op; returns it as the backups are sent it. */
export function prepared(harness: ReplicaHarness, client: number): PrepareMessage {
  harness.take('prepare');
  harness.deliver(makeRequest({ client, session: 0, request: 0, operation: OPERATION_REGISTER }));
  return present(harness.take('prepare')[0]).message;
}

/** Makes slot 1 primary of view 1 with an empty log, by the votes of all these peers. */
export function lead(harness: ReplicaHarness, peers: readonly number[]): void {
  for (const slot of peers) harness.deliver(fromPeer({ slot, view: 0 }, 'startViewChange', {}));
  harness.settle();
  for (const slot of peers.slice(1)) {
    harness.deliver(doViewChangeOf({ slot, view: 1 }, [fixtureRoot()]));
  }
  harness.settle();
  assert(harness.replica.status === 'normal', 'it leads');
  harness.takeAll();
}

export function answerIndex(harness: ReplicaHarness, nonce: bigint): void {
  harness.deliver(fromPeer({ slot: 1, view: 1 }, 'readIndex', { nonce, op: Op(0) }));
}
